// Clocks that are an hour apart. The gateway alone judges times, by its own clock; the agent's counts for the gateway's certificate only.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { tool } from '../support/tools.ts';
import { SkewClock, agentOf, certificate, linked, startSide } from './agent-fixture.ts';

const hourMs = 3_600_000;
const minuteMs = 60_000;

for (const [words, skewMs] of [
  ['behind', -hourMs],
  ['ahead', hourMs],
] as const) {
  t.test(`an agent whose clock is an hour ${words} enrols, links, and links again`, async (t) => {
    const side = await startSide(t, { credentialLifetimeMs: 30 * minuteMs });
    const stateDir = join(temporaryDirectory(t, 'agent'), 'state');
    const clock = Object.assign(new SkewClock(), { skewMs });
    const first = agentOf(t, { gateway: side.url, token: side.token('vpc'), stateDir, clock });
    await linked(first);
    await first.close();
    await linked(agentOf(t, { gateway: side.url, stateDir, clock }));
    t.equal(side.agents.list().length, 1);
  });
}

t.test("the gateway's clock was set back an hour: credentials and tokens count on", async (t) => {
  const side = await startSide(t, { credentialLifetimeMs: 30 * minuteMs });
  const stateDir = join(temporaryDirectory(t, 'agent'), 'state');
  const token = side.token('late');
  const first = agentOf(t, { gateway: side.url, token: side.token('vpc'), stateDir });
  await linked(first);
  await first.close();
  side.clock.skewMs = -hourMs;
  const second = agentOf(t, { gateway: side.url, stateDir });
  await linked(second);
  await linked(agentOf(t, { gateway: side.url, token }));
  await second.close();
  side.clock.skewMs = 0; // and right again: what was given meanwhile ended by that clock
  const third = agentOf(t, { gateway: side.url, stateDir });
  t.match(await third.ended, /ended at .* by the gateway's clock\): enrol it with a new token/);
});

t.test("the gateway's clock was set an hour ahead", async (t) => {
  const base = temporaryDirectory(t, 'agent');
  const [long, short] = [
    await startSide(t, { credentialLifetimeMs: 2 * hourMs }),
    await startSide(t, { credentialLifetimeMs: 30 * minuteMs }),
  ];
  const [longDir, shortDir] = [join(base, 'long'), join(base, 'short')];
  const first = agentOf(t, { gateway: long.url, token: long.token('vpc'), stateDir: longDir });
  const other = agentOf(t, { gateway: short.url, token: short.token('vpc'), stateDir: shortDir });
  const unused = long.token('late');
  await Promise.all([linked(first), linked(other)]);
  long.clock.skewMs = short.clock.skewMs = hourMs + minuteMs;
  t.ok(first.isLinked && other.isLinked, 'links that are up stay');

  const before = readFileSync(join(longDir, 'credential'), 'utf8');
  await Promise.all([first.close(), other.close()]);
  const again = agentOf(t, { gateway: long.url, stateDir: longDir });
  await linked(again);
  await eventually('a new credential is kept', () => readFileSync(join(longDir, 'credential'), 'utf8') !== before);
  await again.close();
  long.clock.skewMs = 2.5 * hourMs; // beyond the first one, within the new one
  await linked(agentOf(t, { gateway: long.url, stateDir: longDir }));

  const refused = agentOf(t, { gateway: short.url, stateDir: shortDir });
  const now = new Date(short.clock.nowMs()).toISOString().slice(0, 13);
  const words = await refused.ended;
  t.match(words, /the credential of agent vpc ended at .*enrol it with a new token/);
  t.ok(words?.includes(`it is ${now}`), words ?? 'no words');
  t.match(await agentOf(t, { gateway: long.url, token: unused }).ended, /expired/);
});

t.test("a gateway's certificate that is not of this time is refused in words about clocks", async (t) => {
  for (const [fromMs, untilMs, words] of [
    [hourMs, 2 * hourMs, /not valid yet by this machine's clock: is the clock behind/],
    [-2 * hourMs, -hourMs, /has expired by this machine's clock: renew it, or is the clock ahead/],
  ] as const) {
    const tls = certificateBetween(t, Date.now() + fromMs, Date.now() + untilMs);
    const side = await startSide(t, { tls });
    const agent = agentOf(t, { gateway: side.url, token: side.token('vpc'), ca: () => tls.cert });
    await eventually('it says so', () => agent.log.some(({ message }) => words.test(message)));
    t.notOk(agent.isLinked);
    t.equal(await Promise.race([agent.ended, 'tries on']), 'tries on', 'clocks are put right');
  }
});

/** One for 127.0.0.1 that signs itself, of a time. */
function certificateBetween(t: Teardown, fromMs: number, untilMs: number): { readonly cert: string; readonly key: string } {
  const { key } = certificate(t);
  const dir = temporaryDirectory(t, 'agent-clock');
  const file = (name: string) => join(dir, name);
  writeFileSync(file('key'), key, { mode: 0o600 });
  writeFileSync(file('index'), '');
  writeFileSync(file('serial'), '01');
  const settings = `[ca]\ndefault_ca=own\n[own]\ndatabase=${file('index')}\nserial=${file('serial')}\nnew_certs_dir=${dir}\ndefault_md=sha256\npolicy=any
x509_extensions=names\n[any]\ncommonName=supplied\n[names]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=CA:TRUE
[req]\ndistinguished_name=none\n[none]\n`;
  writeFileSync(file('settings'), settings);
  const openssl = (...args: readonly string[]) => execFileSync(tool('openssl', 'openssl'), args, { stdio: 'pipe' });
  openssl('req', '-new', '-config', file('settings'), '-key', file('key'), '-subj', '/CN=gateway', '-out', file('request'));
  const at = (ms: number) => `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  const place = ['-config', file('settings'), '-keyfile', file('key'), '-in', file('request'), '-out', file('cert')];
  openssl('ca', '-batch', '-selfsign', '-notext', '-startdate', at(fromMs), '-enddate', at(untilMs), ...place);
  return { cert: readFileSync(file('cert'), 'utf8'), key };
}
