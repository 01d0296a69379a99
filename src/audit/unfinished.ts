// What sessions whose process or thread was killed left without an end in the log: actions that were released and did not finish, and
// whether the session itself was closed. Looked for from the newest file backwards, as far as the oldest of the sessions reaches: the
// newest files are read whole, of older ones what the index says is about them.

import type { AuditEvent } from '../core/audit.ts';
import { listSegments, readPieces, type Segment } from './segments.ts';

/** A release without an end. */
export type UnfinishedAction = Pick<AuditEvent, 'principal' | 'target' | 'sessionId' | 'actionId' | 'holdId'>;

export interface LostEnds {
  /** In the order of their releases. */
  readonly unfinished: readonly UnfinishedAction[];
  /** Sessions whose end is in the log. */
  readonly closed: readonly string[];
}

/** So many of the newest files are read, a gigabyte: who starts a gateway after a crash waits some seconds for it at most. */
export const segmentsReadMax = 16;

const released = '"type":"action.released"';
const finished = '"type":"action.finished"';
const sessionClosed = '"type":"session.closed"';
const before = ',"session":"';
const action = '"action":"';

/** Whole lines of events before `before`, those about these sessions among them, in texts of several, the newest text first. */
export type EarlierLines = (sessions: readonly string[], before: number) => Promise<Iterable<string>>;

/** Of these sessions. Whole lines up to event `lastSeq` count. */
export async function lostEnds(dir: string, sessions: readonly string[], lastSeq: number, earlier: EarlierLines): Promise<LostEnds> {
  const search = new Search(sessions);
  const segments = listSegments(dir).filter(({ firstSeq }) => firstSeq <= lastSeq);
  let before = Infinity;
  for (const segment of segments.slice(-segmentsReadMax).reverse()) {
    if (search.reaching.length === 0) break;
    await search.read(segment, lastSeq);
    before = segment.firstSeq;
  }
  if (search.reaching.length > 0 && before !== segments[0]?.firstSeq) {
    for (const text of await earlier(search.reaching, before)) {
      search.take(text);
      if (search.reaching.length === 0) break;
    }
  }
  return { unfinished: search.unfinished, closed: [...search.closed] };
}

class Search {
  readonly closed = new Set<string>();
  unfinished: readonly UnfinishedAction[] = [];
  readonly #sessions: ReadonlySet<string>;
  /** Those whose beginning was not seen yet: what let them in is released before all else. */
  readonly #reaching: Set<string>;
  readonly #finished = new Set<string>();

  constructor(sessions: readonly string[]) {
    this.#sessions = new Set(sessions);
    this.#reaching = new Set(sessions);
  }

  get reaching(): readonly string[] {
    return [...this.#reaching];
  }

  async read({ path, firstSeq }: Segment, lastSeq: number): Promise<void> {
    const open = new Map<string, UnfinishedAction>();
    let seq = firstSeq;
    await readPieces(path, 0, (text) => {
      for (let from = 0, to = text.indexOf('\n'); to >= 0; from = to + 1, to = text.indexOf('\n', from), seq += 1) {
        if (seq > lastSeq) return false;
        this.#take(text.slice(from, to), open);
      }
      return true;
    });
    this.unfinished = [...open.values(), ...this.unfinished];
  }

  /** Whole lines that stand before all that was read. */
  take(text: string): void {
    const open = new Map<string, UnfinishedAction>();
    for (const line of text.split('\n')) this.#take(line, open);
    this.unfinished = [...open.values(), ...this.unfinished];
  }

  #take(line: string, open: Map<string, UnfinishedAction>): void {
    const session = valueBehind(before, line);
    if (session === null || !this.#sessions.has(session)) return;
    if (line.includes(sessionClosed)) this.closed.add(session);
    const id = valueBehind(action, line);
    if (id === null) return;
    if (line.includes(finished)) {
      if (!open.delete(id)) this.#finished.add(id);
    } else if (line.includes(released)) {
      if (id === `${session}-0`) this.#reaching.delete(session);
      else if (!this.#finished.has(id)) open.set(id, unfinishedOf(line));
    }
  }
}

/** The type comes first, and quotes inside of strings stand behind a backslash: the first one is the event's own. */
function valueBehind(name: string, line: string): string | null {
  const start = line.indexOf(name);
  return start < 0 ? null : line.slice(start + name.length, line.indexOf('"', start + name.length));
}

function unfinishedOf(latin1: string): UnfinishedAction {
  const { principal, target, session, action, hold } = JSON.parse(Buffer.from(latin1, 'latin1').toString()) as {
    readonly principal: string | null;
    readonly target: string | null;
    readonly session: UnfinishedAction['sessionId'];
    readonly action: UnfinishedAction['actionId'];
    readonly hold: UnfinishedAction['holdId'];
  };
  return { principal, target, sessionId: session, actionId: action, holdId: hold };
}
