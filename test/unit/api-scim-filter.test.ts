// Filters of SCIM: each means what RFC 7644 says, or is refused.

import t from 'tap';
import { filterOf } from '../../src/api/scim-filter.ts';

const names = ['id', 'userName', 'externalId', 'active', 'emails', 'members.value'];
const maria = { id: '1', userName: 'Maria@example.com', active: true, emails: [{ value: 'm@example.com' }, { value: 'x@home.example' }] };
const holds = (filter: string) => filterOf(filter, names)?.(maria);

t.test('what a filter says', (t) => {
  const rows: [string, boolean][] = [
    ['userName eq "maria@EXAMPLE.com"', true],
    ['userName ne "maria@example.com"', false],
    ['userName co "@example"', true],
    ['userName sw "mar"', true],
    ['userName sw "ria"', false],
    ['userName ew ".com"', true],
    ['urn:ietf:params:scim:schemas:core:2.0:User:userName EW ".COM"', true],
    ['emails co "home"', true],
    ['emails[value eq "x@home.example"]', true],
    ['emails ne "x@home.example"', false],
    ['externalId pr', false],
    ['externalId ne "a"', true],
    ['active eq true', true],
    ['active eq "false"', false],
    ['externalId pr or userName sw "m"', true],
    ['userName sw "m" or externalId pr and active eq false', true], // "and" first
    ['(userName sw "m" or externalId pr) and active eq false', false],
    ['not (externalId pr)', true],
    ['not(userName sw "m" and not (active eq false)) or id eq "2"', false],
    ['  ( id eq "1" )  ', true],
    ['userName eq "a\\"b"', false],
    ['userName co "\\u0040"', true],
  ];
  for (const [filter, expected] of rows) t.equal(holds(filter), expected, filter);
  t.equal(filterOf(undefined, names), null);
  t.equal(filterOf('', names), null);
  t.end();
});

t.test('what is not understood is refused', (t) => {
  const rows = [
    ...['id', 'id eq', 'id eq 1', 'id gt "1"', 'id eq "1" and', 'id eq "1" or', 'or id pr', 'id eq "1" id pr', 'id eq "1', 'nickName pr'],
    ...['(id pr', 'id pr)', 'not id pr', 'not (id pr', '()', 'emails[type eq "work"]', 'id prx', 'id eq truely', 'id eq "a\\x"', ' '],
    ...['id pr xor id pr', 'meta.location pr', `${'('.repeat(11)}id pr${')'.repeat(11)}`, Array(21).fill('id pr').join(' or ')],
  ];
  for (const filter of rows) t.throws(() => holds(filter), /filter/, filter);
  t.equal(holds(`${'('.repeat(10)}id pr${')'.repeat(10)}`), true);
  t.equal(holds(Array(20).fill('id pr').join(' and ')), true);
  t.end();
});
