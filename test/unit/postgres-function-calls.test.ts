// FunctionCall messages: which have a text to judge, what it says, and what does not add up.

import t from 'tap';
import { namedCall } from '../../protocols/postgres/function-calls.ts';
import { fromClient, int32, message } from '../../protocols/postgres/messages.ts';

const int16 = (...values: number[]) => Buffer.concat(values.map((value) => int32(value).subarray(2)));
const value = (bytes: Buffer) => Buffer.concat([int32(bytes.length), bytes]);
const call = (oid: number, formats: number[], values: Buffer[], ...rest: Buffer[]) =>
  message(
    fromClient.functionCall,
    Buffer.concat([int32(oid), int16(formats.length, ...formats), int16(values.length), ...values, int16(1), ...rest]),
  );

t.test('a function of large objects is named, its arguments are read in either format', async (t) => {
  t.same(namedCall(call(955, [1], [value(int32(7)), value(Buffer.from([0, 255]))])), {
    text: 'SELECT pg_catalog.lowrite($1, $2)',
    parameters: [
      { type: 'int4', text: '7' },
      { type: 'bytea', text: '\\x00ff' },
    ],
  });
  t.same(namedCall(call(964, [], [value(Buffer.from('42'))]))?.parameters, [{ type: 'oid', text: '42' }]);
  t.same(namedCall(call(964, [1], [int32(-1)]))?.parameters, [{ type: 'oid', text: null }]);
});

t.test('another number, or another count of arguments, has no text', async (t) => {
  t.equal(namedCall(call(1598, [], [])), null);
  t.equal(namedCall(call(964, [1], [])), null);
  t.equal(namedCall(call(-1, [1], [value(int32(7))])), null);
});

t.test('a body that does not add up is a violation of the protocol', async (t) => {
  t.throws(() => namedCall(call(964, [1], [int32(400)])), { code: 'protocol-violation' });
  t.throws(() => namedCall(call(964, [1], [value(int32(7))], Buffer.from([0]))), { code: 'protocol-violation' });
});
