// The command line of the benchmark.

import { parseArgs } from 'node:util';

export interface Options {
  /** Names of rows, or beginnings of names; empty means all. */
  readonly only: readonly string[];
  /** Names of contenders; empty means all of each row. */
  readonly contenders: readonly string[];
  readonly seconds: number;
  /** What each contender of a row does unmeasured before the first round; 0 for nothing. */
  readonly warmUpSeconds: number;
  /** Null: each row's own. */
  readonly megabytes: number | null;
  readonly rounds: number;
  /** Audit events to search in, and sessions at once, for the rows about the gateway alone. */
  readonly events: number;
  readonly sessions: number;
  /** Where the JSON goes; null for nowhere. */
  readonly out: string | null;
  /** Folder for CPU profiles of the gateway; null for none. */
  readonly profile: string | null;
  /** Another checkout to measure beside this one. */
  readonly before: string | null;
  /** Null: the gateway is measured with as many relay threads as it has by itself. */
  readonly relayThreads: number | null;
  readonly list: boolean;
  readonly help: boolean;
}

export const help = `npm run bench measures the gateway beside the proxies it is compared with, on real servers, on this machine.

  npm run bench                                   all rows
  npm run bench -- --only pg-simple-c1,pg-copy    some rows, by name or beginning of a name
  npm run bench -- --list                         the names
  --contenders A,B  only these of direct, haproxy, pgbouncer, jump, sallyport, agent
  --seconds N       for each run (default 3)
  --warm-up N       seconds that each contender works unmeasured before a row's first round, but for bulk (default 3)
  --megabytes N     for each bulk run (default 1000 for COPY, 500 for one result and SSH)
  --events N        audit events to search in (default 10000000)
  --sessions N      sessions that are idle or wait at once (default 10000, or what open files allow)
  --rounds N        every contender once in each (default 3; fewer are not judged)
  --out FILE        the numbers as JSON (default dist/bench.json)
  --profile DIR     a CPU profile of the gateway, for node --cpu-prof readers
  --before DIR      measure another checkout of this project beside this one
  --relay-threads N measure the gateway with N relay threads ("threads") beside one without
`;

const secondsMax = 120;
const relayThreadsMax = 64;
const megabytesMax = 4000;
const roundsMax = 50;
const eventsMax = 100_000_000;
const sessionsMax = 20_000;

/** Throws words for what can't be meant. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      contenders: { type: 'string', multiple: true, default: [] },
      seconds: { type: 'string', default: '3' },
      'warm-up': { type: 'string', default: '3' },
      megabytes: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      events: { type: 'string', default: '10000000' },
      sessions: { type: 'string', default: '10000' },
      out: { type: 'string', default: 'dist/bench.json' },
      profile: { type: 'string' },
      before: { type: 'string' },
      'relay-threads': { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    only: commaSeparated(values.only),
    contenders: commaSeparated(values.contenders),
    seconds: numberIn('seconds', values.seconds, secondsMax),
    warmUpSeconds: numberIn('warm-up', values['warm-up'], secondsMax, 0),
    megabytes: values.megabytes === undefined ? null : numberIn('megabytes', values.megabytes, megabytesMax),
    rounds: numberIn('rounds', values.rounds, roundsMax),
    events: numberIn('events', values.events, eventsMax),
    sessions: numberIn('sessions', values.sessions, sessionsMax),
    out: values.out === '' ? null : values.out,
    profile: values.profile ?? null,
    before: values.before ?? null,
    relayThreads: values['relay-threads'] === undefined ? null : numberIn('relay-threads', values['relay-threads'], relayThreadsMax),
    list: values.list,
    help: values.help,
  };
}

function commaSeparated(values: readonly string[]): string[] {
  return values.flatMap((it) => it.split(',')).filter((it) => it !== '');
}

function numberIn(name: string, text: string, max: number, min = 1): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) throw new Error(`--${name} takes a whole number from ${min} to ${max}`);
  return value;
}

/** The rows that were asked for: by name, or all whose name begins so. Throws when there is none. */
export function chosen<T extends { readonly name: string }>(rows: readonly T[], only: readonly string[]): T[] {
  const named = (wanted: string) => {
    const exact = rows.filter(({ name }) => name === wanted);
    return exact.length > 0 ? exact : rows.filter(({ name }) => name.startsWith(wanted));
  };
  const unknown = only.find((wanted) => named(wanted).length === 0);
  if (unknown !== undefined) throw new Error(`there is no row "${unknown}"; --list names them`);
  const wanted = new Set(only.flatMap(named));
  return rows.filter((row) => only.length === 0 || wanted.has(row));
}
