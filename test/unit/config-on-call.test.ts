// The section `on_call`: what it becomes, and what is wrong with it in words.

import t from 'tap';
import type { Test } from 'tap';
import { Fault } from '../../src/core/errors.ts';
import { parseConfig } from '../../src/config/load.ts';

const people = `people:
  - { name: bob }
  - { name: dana, groups: [dba] }
  - { name: robot, kind: ai-agent }
`;

function read(t: Test, section: string, others = people) {
  const dir = t.testdir({ policies: {} });
  return parseConfig(`data_dir: data\npolicies: { dir: policies }\n${others}${section}`, `${dir}/sallyport.yaml`, {});
}

function problem(t: Test, section: string, others = people): string {
  try {
    read(t, section, others);
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.message.replace(/^.*sallyport\.yaml:/, '');
    throw thrown;
  }
  return '';
}

const rotation = (more = '') => `on_call: [{ group: oncall, starts: 2026-01-05T09:00, every: 1w, people: [bob, dana]${more} }]\n`;

t.test('a rotation with an override; its group may have rights', (t) => {
  const config = read(
    t,
    `${rotation(', zone: Europe/Berlin, overrides: [{ from: 2026-02-01T00:00, to: 2026-02-02T00:00, person: dana }]')}rights: { approve: [oncall] }\n`,
  );
  const day = (text: string) => Date.parse(text);
  t.same(config.onCall, [
    {
      group: 'oncall',
      zone: 'Europe/Berlin',
      startsWallMs: day('2026-01-05T09:00Z'),
      everyWallMs: 604_800_000,
      people: ['bob', 'dana'],
      overrides: [{ fromWallMs: day('2026-02-01T00:00Z'), toWallMs: day('2026-02-02T00:00Z'), person: 'dana' }],
    },
  ]);
  t.same(read(t, '').onCall, []);
  t.match(read(t, rotation().replace('bob', 'zacharias')).warnings, [/zacharias is not in this file/]);
  t.end();
});

t.test('what is wrong, in words', (t) => {
  t.match(problem(t, rotation(', zone: Europe/Berln')), /is not a time zone/);
  t.match(problem(t, rotation(', zone: "+02:00"')), /is not a time zone/, 'an offset knows no summer');
  t.match(problem(t, rotation().replace('09:00', '25:00')), /is not a time on the wall/);
  t.match(problem(t, rotation().replace('01-05', '02-30')), /is not a time on the wall/, 'a day that does not exist');
  t.match(problem(t, rotation().replace('1w', '0w')), /is not the length of a turn/);
  t.match(problem(t, rotation().replace('1w', '30m')), /is not the length of a turn/);
  t.match(problem(t, rotation().replace('[bob, dana]', '[]')), /name somebody/);
  t.match(problem(t, rotation().replace('bob', 'robot')), /robot is of kind ai-agent: only people are on call/);
  t.match(problem(t, rotation().replace('bob', 'danna')), /there is no person "danna" \(did you mean "dana"\?\)/);
  t.match(
    problem(t, rotation(', overrides: [{ from: 2026-02-02T00:00, to: 2026-02-02T00:00, person: bob }]')),
    /must be later than "from"/,
  );
  t.match(problem(t, rotation(), people.replace('dba', 'oncall')), /said by on_call alone/);
  t.match(problem(t, `${rotation()}rights: { approve: [oncal] }\n`), /nobody is in the group "oncal" \(did you mean "oncall"\?\)/);
  t.end();
});
