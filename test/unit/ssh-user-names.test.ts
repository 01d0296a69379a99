// What an SSH user name asks for: who, which target, which account there.

import t from 'tap';
import { parseUser } from '../../protocols/ssh/handshake.ts';

const names: readonly (readonly [string, readonly [string, string | null, string] | null])[] = [
  ['alice:web-1', ['alice', null, 'web-1']],
  ['alice:root%web-1', ['alice', 'root', 'web-1']],
  ['alice=web-1', ['alice', null, 'web-1']],
  ['alice=root%web-1', ['alice', 'root', 'web-1']],
  ['alice+dba@example.com=web+1', ['alice+dba@example.com', null, 'web+1']],
  ['alice', null],
  ['alice=', null],
  ['=web-1', null],
  ['alice:', null],
  [':web-1', null],
  ['alice:web-1:x', null],
  ['alice=web-1:x', null],
  ['alice:web-1=x', null],
  ['alice=root%', null],
  ['alice=a%b%web-1', null],
];

t.test('a colon or an equals sign stands before the target', async (t) => {
  for (const [name, wanted] of names) {
    const [person, login, target] = wanted ?? [];
    t.same(parseUser(name), wanted === null ? null : { person, login, target }, name);
  }
});
