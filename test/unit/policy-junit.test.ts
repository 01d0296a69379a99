// `sallyport policy test --junit`: the file keeps the rules that build servers hold it to, whatever names and messages say.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { junitText } from '../../src/offline/policy-junit.ts';
import { runCommand } from '../support/command-line.ts';
import { readJunit } from '../support/junit-rules.ts';

const reads = 'policy: p\nrules: [{ id: reads, effects: { access: [read] }, decision: allow }]\n';
const cast = 'people: { alice: { groups: [] } }\ntargets: { orders: { protocol: postgres } }\n';

t.test('tests that pass and fail, and a file that can not be read', async (t) => {
  const dir = t.testdir({
    'p.yaml': reads,
    'p.test.yaml': `${cast}cases:
  - { name: reading, who: alice, target: orders, statement: SELECT 1, expect: allow }
  - { name: '<writing> & "more"', who: alice, target: orders, statement: DELETE FROM "a<b&c", expect: allow }
`,
    'q.test.yaml': `${cast}cases: [{ name: a, who: zoe, target: nowhere, expect: deny }]\n`,
  });
  const ran = await runCommand(['policy', 'test', dir, '--junit', `${dir}/r.xml`]);
  t.equal(ran.code, 1);
  t.notMatch(ran.out, 'q.test.yaml', 'what was not run is not said to have passed');
  const root = readJunit(readFileSync(`${dir}/r.xml`, 'utf8'));
  t.match(root.attributes, { tests: '4', failures: '1', errors: '2' });
  const [first, second] = root.children;
  t.match(first?.attributes, { name: `${dir}/p.test.yaml`, tests: '2', failures: '1', errors: '0', skipped: '0' });
  t.strictSame(
    first?.children.map(({ attributes }) => attributes['name']),
    ['reading', '<writing> & "more"'],
  );
  const failure = first?.children[1]?.children[0];
  t.match(failure, { tag: 'failure', attributes: { message: 'expected allow, got deny', type: 'decision' } });
  t.match(failure?.text, 'nothing allows delete a<b&c on orders\n  - p/reads: no effect has access read');
  t.match(second?.attributes, { tests: '2', failures: '0', errors: '2' }, 'its problems count where a build server looks');
  t.match(second?.children[0]?.children[0], { tag: 'error', attributes: { message: /nobody is named "zoe"/ } });
  const times = first!.children.map(({ attributes }) => Number(attributes['time']));
  t.ok(times[0]! > 0, 'in seconds, a parser needs some');
  t.ok(Math.abs(times[0]! + times[1]! - Number(first?.attributes['time'])) < 0.001, 'and they add up');
});

t.test('whatever a name or message holds, the file is XML', (t) => {
  const characters = [...Array(0x300).keys(), 0x2028, 0x202e, 0xd800, 0xdfff, 0xfdd0, 0xfffe, 0xffff, 0x1f600, 0x10ffff];
  const hostile = [...characters.map((code) => String.fromCodePoint(code)), ']]>', '<!--', '&amp;', '&#0;', '"/>', "'"];
  for (const text of hostile) {
    const tests = [{ name: `a${text}b`, ok: false, message: `c${text}d\ne${text}f`, durationMs: 1e-7 }];
    const files = [{ path: `p${text}.test.yaml`, problems: [text], tests }];
    const run = { files, passed: 0, failed: 2, unreadable: 1 };
    t.doesNotThrow(() => readJunit(junitText(run)), `characters ${[...text].map((it) => it.codePointAt(0)!.toString(16)).join(' ')}`);
  }
  const plain = readJunit(
    junitText({
      files: [{ path: 'p', problems: [], tests: [{ name: 'größer 😀', ok: true, message: '', durationMs: 61_000 }] }],
      passed: 1,
      failed: 0,
      unreadable: 0,
    }),
  );
  t.match(plain.children[0]?.children[0]?.attributes, { name: 'größer 😀', time: '61.0000' });
  t.end();
});

t.test('the rules find what is wrong', (t) => {
  const file = (inner: string, counts = 'tests="1" failures="0" errors="0"') =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts}><testsuite name="s" ${counts}>${inner}</testsuite></testsuites>\n`;
  t.ok(readJunit(file('<testcase name="a"/>')));
  const wrong = [
    file('<testcase/>'),
    file('<testcase name="a" time="1e-7"/>'),
    file('<testcase name="a" colour="red"/>'),
    file('<testcase name="a"><failure>x</failure></testcase>'),
    file('<testcase name="a\u0000"/>'),
    file('<testcase name="a&b"/>'),
    file('<testcase name="a">'),
    file('<failure/>', 'tests="0" failures="1" errors="0"'),
  ];
  for (const xml of wrong) t.throws(() => readJunit(xml), xml);
  t.end();
});
