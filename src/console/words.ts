// The console's sentences: effects, states, durations and settlements in plain words. No component and no clock in here.

import type { HoldState, HoldView, RecordingEntry } from '../api/contract.ts';

export type Tone = 'wait' | 'ok' | 'bad' | 'info' | 'plain';

const verbWords: Readonly<Record<string, string>> = {
  read: 'reads',
  insert: 'adds rows to',
  update: 'changes rows in',
  delete: 'deletes rows from',
  truncate: 'empties',
  'bulk-load': 'loads rows into',
  export: 'exports',
  create: 'creates',
  alter: 'alters',
  drop: 'drops',
  rename: 'renames',
  privilege: 'changes rights on',
  maintenance: 'maintains',
  call: 'calls',
  code: 'runs code',
  'server-file': 'touches files on the server',
  'server-program': 'runs a program on the server',
  network: 'opens a network connection',
  'large-object': 'touches a large object',
  sequence: 'moves sequence',
  lock: 'locks',
  notify: 'notifies',
  admin: 'administers the server',
  replication: 'replicates',
  explain: 'explains',
  session: 'changes this session',
  guard: 'changes a safety setting',
  transaction: 'transaction control',
  prepare: 'prepares',
  cursor: 'uses a cursor',
  run: 'runs',
  shell: 'opens a shell',
  'file-read': 'reads file',
  'file-write': 'writes file',
  'file-remove': 'removes file',
  forward: 'forwards a port to',
  environment: 'sets environment',
  unknown: 'not understood',
};

const harmless: ReadonlySet<string> = new Set(['read', 'explain', 'session', 'transaction', 'prepare', 'cursor', 'file-read']);
const grave: ReadonlySet<string> = new Set([
  'delete',
  'truncate',
  'drop',
  'privilege',
  'server-file',
  'server-program',
  'network',
  'admin',
  'replication',
  'guard',
  'code',
  'file-remove',
  'unknown',
]);

/** "delete public.orders" → "deletes rows from", "public.orders" and how grave it is. */
export function effectWords(effect: string): { readonly verb: string; readonly object: string; readonly tone: Tone } {
  const at = effect.indexOf(' ');
  const name = at === -1 ? effect : effect.slice(0, at);
  const tone = grave.has(name) ? 'bad' : harmless.has(name) ? 'plain' : 'wait';
  return { verb: verbWords[name] ?? name, object: at === -1 ? '' : effect.slice(at + 1), tone };
}

/** What the transaction state means for the one who decides. */
export function transactionWords(state: HoldView['transaction']): { readonly title: string; readonly detail: string } {
  switch (state) {
    case 'none':
      return { title: 'No transaction is open', detail: 'The statement commits by itself as soon as it has run.' };
    case 'open':
      return {
        title: 'A transaction is open',
        detail: 'Locks that it took are held while this waits, and others may be waiting for them.',
      };
    case 'failed':
      return { title: 'The transaction has failed', detail: 'The database will refuse everything but a rollback.' };
  }
}

export function stateWords(state: HoldState): { readonly text: string; readonly tone: Tone } {
  switch (state) {
    case 'pending':
      return { text: 'waiting', tone: 'wait' };
    case 'approved':
      return { text: 'approved', tone: 'ok' };
    case 'denied':
      return { text: 'denied', tone: 'bad' };
    case 'changes_requested':
      return { text: 'changes wanted', tone: 'bad' };
    case 'expired':
      return { text: 'expired', tone: 'plain' };
    case 'withdrawn':
      return { text: 'withdrawn', tone: 'plain' };
  }
}

/** Through what an answer came, after words about it; nothing where it is not known. */
export function viaWords(via: string | undefined): string {
  return via === undefined ? '' : ` (via ${via})`;
}

/** How a hold ended, as one sentence. */
export function settlementWords(hold: HoldView): string {
  const by = hold.approvals.map((approval) => approval.by).join(', ');
  const because = hold.settled_reason === null || hold.settled_reason === '' ? '' : `: ${hold.settled_reason}`;
  switch (hold.state) {
    case 'pending':
      return hold.approvals.length === 0
        ? 'Nobody has answered yet.'
        : `${hold.approvals.length} of ${hold.approvals_needed} approvals given.`;
    case 'approved':
      return `Approved${by === '' ? '' : ` by ${by}`}. ${outcomeWords(hold.outcome)}`;
    case 'denied':
      return `Denied by ${hold.settled_by ?? 'somebody'}${because}. The statement never reached the target.`;
    case 'changes_requested':
      return `${hold.settled_by ?? 'An approver'} asks for changes${because}. The statement never reached the target.`;
    case 'expired':
      return 'Nobody answered in time. The statement never reached the target.';
    case 'withdrawn':
      return `Withdrawn${because === '' ? ' by the client' : because}. The statement never reached the target.`;
  }
}

/** What came of what was approved, as far as it is known. */
function outcomeWords(outcome: HoldView['outcome']): string {
  if (outcome === undefined) return 'The session’s log shows how the statement ended.';
  const rows = outcome.rows === null ? '' : `, ${plural(outcome.rows, 'row')}`;
  return `It ran: ${outcome.kind}${rows}, ${durationWords(outcome.duration_ms)}.`;
}

export function decisionTone(entry: Pick<RecordingEntry, 'decision' | 'outcome' | 'error' | 'released_ms'>): Tone {
  if (entry.released_ms === null || entry.decision === 'deny') return 'bad';
  if (entry.error !== null || entry.outcome === 'failed') return 'wait';
  return entry.decision === 'hold' ? 'info' : 'ok';
}

/** "0.4 s", "45 s", "5 min", "1 h 30 min"; short times keep a digit because statements are short. */
export function durationWords(ms: number): string {
  if (ms < 0) return '0 s';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** "0:04.2", "12:09.0": a moment in a recording. */
export function momentWords(ms: number): string {
  const tenths = Math.floor(Math.max(0, ms) / 100);
  const seconds = (tenths % 600) / 10;
  const minutes = Math.floor(tenths / 600);
  const rest = seconds.toFixed(1).padStart(4, '0');
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`;
}

/** "4:05" or "1:04:05": time left on a countdown. */
export function countdownWords(ms: number): string {
  const total = Math.max(0, Math.ceil(ms / 1000));
  const seconds = String(total % 60).padStart(2, '0');
  const minutes = Math.floor(total / 60) % 60;
  const hours = Math.floor(total / 3600);
  return hours === 0 ? `${minutes}:${seconds}` : `${hours}:${String(minutes).padStart(2, '0')}:${seconds}`;
}

/** "just now", "5 min ago", "3 h ago"; a date beyond two days. */
export function agoWords(iso: string, nowMs: number): string {
  const ms = nowMs - Date.parse(iso);
  if (ms < 45_000) return 'just now';
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : new Date(iso).toLocaleDateString(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** Labels that name a production system get the warning tone. */
export function isProduction(labels: Readonly<Record<string, string>>): boolean {
  return Object.values(labels).some((value) => /^(prod|production|live)$/i.test(value));
}

/** "0 B", "12 kB", "3.4 GB". */
export function sizeWords(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? 'B'}`;
}
