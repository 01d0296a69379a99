// The gateway's work for one statement without sockets: classify, decide, audit, permit, outcome, recording, with real parts
// in this one process. Prints CPU microseconds for each statement; much steadier than transactions per second.
// node hot-path.ts [same|new] [SECONDS]

import type { Session, Submission } from '../../src/core/session.ts';
import { hotWorld, lane, mode } from './hot-world.ts';

const [kind = 'new', secondsText = '3'] = process.argv.slice(2);
const sessionsTotal = 16;
/** As many statements as sockets bring in one turn of the event loop. */
const statementsInTurn = 16;

const { sessions, classifier, cleanup } = await hotWorld(sessionsTotal);
const classified = kind === 'same' ? await classifier.classify({ ...submissionWith(null, textOf()), id: 'first' as never }) : null;

await run(1000); // warms the compiler up
const before = process.threadCpuUsage();
const done = await run(Number(secondsText) * 1000);
const { user, system } = process.threadCpuUsage(before);
process.stdout.write(
  `${kind}: ${((user + system) / done).toFixed(2)} µs CPU for each statement (${(user / done).toFixed(2)} user; of the main thread), ${done} statements, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MB\n`,
);
await cleanup.run();

async function run(forMs: number): Promise<number> {
  const endMs = performance.now() + forMs;
  let count = 0;
  while (performance.now() < endMs) {
    for (let turn = 0; turn < statementsInTurn; turn += 1) {
      one(sessions[turn % sessionsTotal] as Session, textOf());
      count += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return count;
}

/** Released at the end of the turn, as others are in it; the answers of the target come in later turns, here in the same. */
function one(session: Session, text: string): void {
  session.submitSoon(submissionOf(text), lane, (ruling) => {
    if (ruling.kind !== 'release') throw new Error('not released');
    ruling.permit.open();
    session.finish(ruling.permit, { kind: 'completed', rows: 1, error: null });
  });
}

function submissionOf(text: string): Submission {
  return submissionWith(classified, text);
}

function submissionWith(known: Submission['classified'], text: string): Submission {
  return {
    kind: 'statement',
    text,
    parameters: kind === 'same' ? [{ type: 'int4', text: '4711' }] : null,
    digest: () => '',
    mode,
    transaction: 'none',
    classified: known,
    prepared: null,
  };
}

function textOf(): string {
  if (kind === 'same') return 'SELECT abalance FROM pgbench_accounts WHERE aid = $1;';
  return `SELECT abalance FROM pgbench_accounts WHERE aid = ${Math.floor(Math.random() * 1e9)};`;
}
