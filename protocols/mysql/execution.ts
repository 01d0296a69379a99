// COM_STMT_EXECUTE: what is judged of it, and the bytes towards the target, which are those that were judged.

import { createHash } from 'node:crypto';
import type { Parameter } from '../../src/core/action.ts';
import { framed } from './codec.ts';
import { unknownStatement } from './commands.ts';
import * as wire from './messages.ts';
import { attributeParts, joinExecution, splitExecution, type AttributeUse, type ExecutionAttributes } from './query-attributes.ts';
import { executeHeadBytes, readExecute, readParameters, type BoundParameters, type ExecuteMessage } from './parameters.ts';
import { dropLongData, longDataBytesMax, type Statements, type WireStatement } from './statements.ts';

/** CURSOR_TYPE_READ_ONLY: the only kind that servers have. */
const readOnlyCursor = 1;

/** An execution as it was asked for. */
export interface Execution {
  readonly statement: WireStatement;
  readonly parameters: readonly Parameter[];
  /** What an approval binds to. */
  readonly digested: () => readonly Buffer[];
  readonly asksCursor: boolean;
  /** The commands for the target. Called when it was released, at most once. */
  readonly packets: () => readonly Buffer[];
}

export type Planned = { readonly kind: 'execution'; readonly execution: Execution } | { readonly kind: 'refused'; readonly error: Buffer };

/** Reads the command against what is known of its statement. Throws Fault protocol-violation for bytes that don't add up. */
export function planExecution(argument: Buffer, statements: Statements, use: AttributeUse): Planned {
  const asked = readExecute(argument);
  const statement = statements.get(asked.id);
  if (statement === undefined) return { kind: 'refused', error: unknownStatement(asked.id, 'mysqld_stmt_execute') };
  if (asked.iterations !== 1) return { kind: 'refused', error: wire.err(1047, '08S01', 'an execution of more than one iteration') };
  if (statement.longDataLost) {
    dropLongData(statement);
    const words = `the gateway keeps ${longDataBytesMax} bytes of long data for a statement, its limit`;
    return { kind: 'refused', error: wire.err(1153, '08S01', words) };
  }
  const [message, split] = use === 'none' ? [asked, null] : splitExecution(asked, statement);
  const attributes = use === 'forwarded' ? split : null;
  const bound = statement.parameterCount === 0 ? null : readParameters(message, statement);
  if (bound !== null) statement.types = bound.types;
  const ahead = statement.longData;
  dropLongData(statement);
  const packets = (): Buffer[] => {
    const sent = [...aheadCommands(statement.id, ahead), framed(executeCommand(message, statement, bound, attributes), 0)];
    statement.typesAtTarget = bound?.types ?? null;
    return sent;
  };
  const digested = () =>
    digestedParts(statement, [...boundParts(bound), ...aheadParts(ahead), ...(attributes === null ? [] : attributeParts(attributes))]);
  const parameters = [...(bound?.parameters ?? []), ...(attributes?.parameters ?? [])];
  const asksCursor = (message.flags & readOnlyCursor) !== 0;
  return { kind: 'execution', execution: { statement, parameters, digested, asksCursor, packets } };
}

/** What an approval of an execution binds to: the statement's text, and these. */
export function digestedParts(statement: WireStatement, parts: readonly Buffer[]): readonly Buffer[] {
  return [statement.textBytes, endOfText, ...parts];
}

const endOfText = Buffer.from([0]);

function boundParts(bound: BoundParameters | null): Buffer[] {
  return bound === null ? [] : [bound.nullBitmap, bound.types, bound.values];
}

type Ahead = ReadonlyMap<number, readonly Buffer[]>;

/** For the digest: parameter, length, bytes. */
function aheadParts(ahead: Ahead): Buffer[] {
  return [...ahead]
    .sort(([a], [b]) => a - b)
    .flatMap(([index, parts]) => {
      const value = Buffer.concat(parts);
      return [wire.uint16(index), wire.uint32(value.length), value];
    });
}

/** COM_STMT_SEND_LONG_DATA for everything that was sent ahead. */
function aheadCommands(id: number, ahead: Ahead): Buffer[] {
  return [...ahead].flatMap(([index, parts]) =>
    parts.map((part) => framed(Buffer.concat([Buffer.from([wire.command.sendLongData]), wire.uint32(id), wire.uint16(index), part]), 0)),
  );
}

/** The execution as the client sent it; with the types where the target has not seen them (an earlier execution was refused). */
function executeCommand(
  message: ExecuteMessage,
  statement: WireStatement,
  bound: BoundParameters | null,
  attributes: ExecutionAttributes | null,
): Buffer {
  const head = Buffer.alloc(1 + executeHeadBytes);
  head[0] = wire.command.execute;
  head.writeUInt32LE(statement.id, 1);
  head[5] = message.flags;
  head.writeUInt32LE(message.iterations, 6);
  if (attributes !== null) {
    const [flags, body] = joinExecution(message.flags, statement.parameterCount, bound, attributes);
    head[5] = flags;
    return Buffer.concat([head, body]);
  }
  if (bound === null) return Buffer.concat([head, message.body]);
  const known = !bound.tellsTypes && statement.typesAtTarget?.equals(bound.types) === true;
  const types = known ? [Buffer.from([0])] : [Buffer.from([1]), bound.types];
  return Buffer.concat([head, bound.nullBitmap, ...types, bound.values]);
}

/** SHA-256 over the parts, hex. */
export function digestOf(parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
