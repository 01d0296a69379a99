// Query attributes on the wire, byte by byte from the documentation: what is read of them, and what a target gets that takes
// them or does not.

import t from 'tap';
import { planExecution, type Execution } from '../../protocols/mysql/execution.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { attributesMax, readQuery, type AttributeUse } from '../../protocols/mysql/query-attributes.ts';
import { preparedStatement, Statements } from '../../protocols/mysql/statements.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const violation = { code: 'protocol-violation' };

t.test('a query without any', (t) => {
  const { text, attributes, head } = readQuery(Buffer.concat([hex('00 01'), Buffer.from('SELECT 1')]));
  t.strictSame([text.toString(), attributes, head.toString('hex')], ['SELECT 1', [], '0001']);
  t.end();
});

t.test('a query with three: a string, a NULL, an unsigned number', (t) => {
  const head = hex('03 01 02 01  fe00 01 61  fd00 01 62  0880 00   02 6869  ffffffffffffffff');
  const read = readQuery(Buffer.concat([head, Buffer.from('SELECT 1')]));
  t.equal(read.text.toString(), 'SELECT 1');
  t.ok(read.head.equals(head));
  t.strictSame(read.attributes, [
    { type: 'attribute a (char)', text: 'hi' },
    { type: 'attribute b (varchar)', text: null },
    { type: 'attribute  (bigint)', text: '18446744073709551615' },
  ]);
  t.end();
});

t.test('what does not add up is refused', (t) => {
  const bad: Readonly<Record<string, string>> = {
    'no count': '',
    'no number of sets': '00',
    'two sets': '00 02 53',
    'types left out': '01 01 00 00 53',
    'an unknown type': '01 01 00 01 0900 01 61 00000000 53',
    'a type of another server': '01 01 00 01 f200 01 61 00 53',
    'NULL by its type only': '01 01 00 01 0600 01 61 53',
    'a name that is longer than the packet': '01 01 00 01 fe00 0a 61',
    'a value that is longer than the packet': '01 01 00 01 fe00 01 61 0a 61',
    'a length that is none': 'fb 01 53',
    'more than there are': 'ff 01',
  };
  for (const [name, bytes] of Object.entries(bad)) t.throws(() => readQuery(hex(bytes)), violation, name);
  const many = (count: number) =>
    Buffer.concat([Buffer.from([count, 1]), Buffer.alloc((count + 7) >>> 3, 0xff), Buffer.from([1]), ...Array.from({ length: count }, () => hex('fe00 00')), Buffer.from('DO 1')]); // prettier-ignore
  t.equal(readQuery(many(attributesMax)).text.toString(), 'DO 1');
  t.throws(() => readQuery(many(attributesMax + 1)), { message: /65 query attributes: the gateway reads 64/ });
  const named = (bytes: number) => Buffer.concat([hex('01 01 01 01 fe00'), wire.lenencBytes(Buffer.alloc(bytes, 97)), Buffer.from('DO 1')]);
  t.equal(readQuery(named(256)).text.toString(), 'DO 1');
  t.throws(() => readQuery(named(257)), { message: /a name of 257 bytes/ });
  t.end();
});

t.test('names are shown without what a terminal would act on', (t) => {
  const { attributes } = readQuery(hex('01 01 01 01 fe00 02 1b5b 44'));
  t.equal(attributes[0]?.type, 'attribute \\x1b5b (char)');
  t.end();
});

function executed(body: string, parameterCount: number, use: AttributeUse, flags = 8, ahead: readonly number[] = []): Execution {
  const known = new Statements();
  const mode = { key: '', settings: {}, catalogue: null };
  const statement = preparedStatement({ id: 7, text: 'x', textBytes: Buffer.from('x'), mode, parameterCount });
  for (const index of ahead) statement.longData.set(index, [Buffer.from('ahead')]);
  known.confirmed(statement);
  const planned = planExecution(Buffer.concat([wire.uint32(7), Buffer.from([flags, 1, 0, 0, 0]), hex(body)]), known, use);
  if (planned.kind === 'refused') throw new Error(wire.readErr(planned.error).message);
  return planned.execution;
}

/** The last command, behind its header of a packet. */
const sent = (execution: Execution): string =>
  (execution.packets().at(-1) as Buffer).subarray(4).toString('hex').replace(/^1707000000(..)01000000/, '$1 '); // prettier-ignore

// two parameters (5, NULL) and an attribute k = 'v'
const both = '03  02 01  0100 00  fe00 00  fe00 01 6b   05  01 76';

t.test('an execution: for a target that takes them', (t) => {
  const execution = executed(both, 2, 'forwarded');
  t.strictSame(execution.parameters, [
    { type: 'tinyint', text: '5' },
    { type: 'char', text: null },
    { type: 'attribute k (char)', text: 'v' },
  ]);
  t.equal(sent(execution), `08 ${both.replaceAll(' ', '')}`);
  t.equal(sent(executed('00', 0, 'forwarded')), '00 ', 'none at all: no count');
  t.equal(sent(executed('', 0, 'forwarded', 1)), '01 ', 'the flag of a cursor stays');
  t.equal(sent(executed('01 00 01 fe00 01 6b 01 76', 0, 'forwarded')), '08 010001fe00016b0176', 'attributes only');
  t.end();
});

t.test('an execution: for a target that does not', (t) => {
  const execution = executed(both, 2, 'dropped');
  t.strictSame(execution.parameters, [
    { type: 'tinyint', text: '5' },
    { type: 'char', text: null },
  ]);
  t.equal(sent(execution), '00 02010100fe0005');
  t.equal(sent(executed('01 00 01 fe00 01 6b 01 76', 0, 'dropped')), '00 ');
  t.equal(sent(executed('02 00 01 fe00 00 fe00 01 6b 01 76', 1, 'dropped', 8, [0])), '00 0001fe00', 'a value that was sent ahead');
  t.end();
});

t.test('an approval binds to attributes that go on', (t) => {
  const other = both.replace(/76$/, '77');
  const digests = (body: string, use: AttributeUse) => Buffer.concat([...executed(body, 2, use).digested()]).toString('hex');
  t.not(digests(both, 'forwarded'), digests(other, 'forwarded'));
  t.equal(digests(both, 'dropped'), digests(other, 'dropped'));
  t.end();
});

t.test('executions that do not add up', (t) => {
  const bad: Readonly<Record<string, readonly [string, number]>> = {
    'fewer values than parameters': ['01 00 01 0100 00 05', 2],
    'an attribute without its type': ['02 00 00 05 05', 1],
    'bytes behind the last': [`${both} 00`, 2],
    'a value that ends early': ['01 00 01 0800 00 05', 1],
    'too many': [`fc 4200`, 1],
  };
  for (const [name, [body, count]] of Object.entries(bad)) t.throws(() => executed(body, count, 'forwarded'), violation, name);
  t.end();
});
