// Small readings of commands: what is refused and in which words, what KILL means.

import * as wire from './messages.ts';

/** Commands that are known and not served. */
const refusedCommands: Readonly<Record<number, string>> = {
  [wire.command.binlogDump]: 'replication is not served by the gateway',
  [wire.command.binlogDumpGtid]: 'replication is not served by the gateway',
  [wire.command.tableDump]: 'replication is not served by the gateway',
  [wire.command.registerReplica]: 'replication is not served by the gateway',
  [wire.command.refresh]:
    'closing idle threads and RESET are not served as a command of the protocol: say FLUSH … or RESET … as a statement',
  [wire.command.debug]: "a server's debug command is not served by the gateway",
  [wire.command.shutdown]: 'a shutdown is not served as a command of the protocol: say SHUTDOWN as a statement',
  [wire.command.createDb]: 'making a database is not served as a command of the protocol: say CREATE DATABASE as a statement',
  [wire.command.dropDb]: 'dropping a database is not served as a command of the protocol: say DROP DATABASE as a statement',
};

/** Commands that run a text. */
export const runsText: ReadonlySet<number> = new Set([wire.command.query, wire.command.execute, wire.command.bulkExecute]);

/** ERR for COM_RESET_CONNECTION in a session that runs as a role. */
export function refusedReset(role: string): Buffer {
  return wire.err(1142, '42000', `this session runs as role ${role}, and a reset of the connection would leave it`);
}

/** ERR for a command that is not served. */
export function refusedCommand(command: number): Buffer {
  return wire.err(1047, '08S01', refusedCommands[command] ?? `the gateway does not know command 0x${command.toString(16)}`);
}

/** ER_UNKNOWN_STMT_HANDLER */
export function unknownStatement(id: number, what: string): Buffer {
  return wire.err(1243, 'HY000', `Unknown prepared statement handler (${id}) given to ${what}`);
}

/** What COM_REFRESH can ask for that FLUSH says, too, by bit. Idle threads (0x20) and RESET of replication (0x40, 0x80) are not served. */
const flushed = ['PRIVILEGES', 'LOGS', 'TABLES', 'HOSTS', 'STATUS'];

/** COM_REFRESH (mysqldump --flush-logs) as the text it means; null: there is none. */
export function flushOf(argument: Buffer): string | null {
  const [bits = 0] = argument;
  if (argument.length !== 1 || bits === 0 || bits >= 1 << flushed.length) return null;
  return `FLUSH ${flushed.filter((_, bit) => (bits & (1 << bit)) !== 0).join(', ')}`;
}

/** A name as SQL text writes it. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** `KILL [QUERY | CONNECTION] id`, as clients send it for Ctrl-C. Anything else called KILL is a statement like others. */
export function killOf(text: string): { connectionId: number; what: 'query' | 'connection' } | null {
  const match = /^\s*kill\s+(query\s+|connection\s+)?(\d{1,10})\s*(?:;\s*)?$/i.exec(text);
  if (match === null) return null;
  return { connectionId: Number(match[2]), what: match[1]?.trim().toLowerCase() === 'query' ? 'query' : 'connection' };
}
