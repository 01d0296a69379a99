// COM_STMT_BULK_EXECUTE, MariaDB's batch: one statement, many rows of values. Judged as one action with the values of every row.
// (MariaDB protocol: "COM_STMT_BULK_EXECUTE".)

import type { Parameter } from '../../src/core/action.ts';
import { BodyReader } from './body-reader.ts';
import { framed } from './codec.ts';
import { unknownStatement } from './commands.ts';
import type { Planned } from './execution.ts';
import * as wire from './messages.ts';
import { shownValue, typeName } from './parameters.ts';
import type { Statements, WireStatement } from './statements.ts';

/** Values of one command, all of which are read for people. Drivers can be told to send smaller batches. */
export const bulkValuesMax = 100_000;

/** Ahead of the values stand their types. The other flag asks for a result for each row, which is not offered. */
const sendsTypes = 0x80;

/** What stands before each value. DEFAULT and IGNORE are the column's default, and the row's old value. */
const indicatorWords: Readonly<Record<number, string | null>> = { 1: null, 2: 'DEFAULT', 3: 'IGNORE' };

/** Throws Fault protocol-violation for bytes that don't add up. */
export function planBulk(argument: Buffer, statements: Statements, takesBulk: boolean): Planned {
  const refused = (number: number, words: string): Planned => ({ kind: 'refused', error: wire.err(number, '08S01', words) });
  if (!takesBulk) return refused(1047, 'the target does not know bulk execution: execute row by row');
  const reader = new BodyReader(argument);
  const id = reader.uint32();
  const flags = reader.uint16();
  const statement = statements.get(id);
  if (statement === undefined) return { kind: 'refused', error: unknownStatement(id, 'mysqld_stmt_bulk_execute') };
  if ((flags & ~sendsTypes) !== 0)
    return refused(1047, `a bulk execution with flags 0x${flags.toString(16)}, which the gateway does not know`);
  if (statement.parameterCount === 0) return refused(1047, 'a bulk execution of a statement without parameters');
  if (statement.longData.size > 0 || statement.longDataLost) return refused(1047, 'a bulk execution with values that were sent ahead');
  const types = (flags & sendsTypes) !== 0 ? Buffer.from(reader.bytes(2 * statement.parameterCount)) : statement.types;
  if (types === null) return refused(1047, 'a bulk execution without the types of its parameters');
  const values = argument.subarray(reader.at);
  const parameters = readRows(reader, types, statement);
  if (parameters === null) return refused(1153, `a batch of more than ${bulkValuesMax} values: send smaller ones`);
  statement.types = types;
  const packets = (): Buffer[] => {
    statement.typesAtTarget = types;
    const head = [Buffer.from([wire.command.bulkExecute]), wire.uint32(statement.id), wire.uint16(sendsTypes)];
    return [framed(Buffer.concat([...head, types, values]), 0)];
  };
  const digested = () => [statement.textBytes, Buffer.from([0, 0xfa]), types, values];
  return { kind: 'execution', execution: { statement, parameters, digested, asksCursor: false, packets } };
}

/** Values row after row; null when there are too many. */
function readRows(reader: BodyReader, types: Buffer, statement: WireStatement): Parameter[] | null {
  const parameters: Parameter[] = [];
  while (reader.left > 0) {
    for (let i = 0; i < statement.parameterCount; i++) {
      if (parameters.length >= bulkValuesMax) return null;
      const code = types[2 * i] as number;
      const unsigned = ((types[2 * i + 1] as number) & 0x80) !== 0;
      const indicator = reader.uint8();
      const word = indicatorWords[indicator];
      if (indicator === 0) parameters.push({ type: typeName(code), text: shownValue(reader, code, unsigned) });
      else if (word !== undefined) parameters.push({ type: word === null ? typeName(code) : null, text: word });
      else reader.fail(`a value with the unknown indicator ${indicator}`);
    }
  }
  return parameters;
}
