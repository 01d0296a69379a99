// Results of policy tests as JUnit XML, the form that build servers read. Names and messages may hold anything: what XML 1.0
// can't carry is shown as its escape.

import { visible } from '../cli/visible.ts';
import type { TestRun } from './policy-test.ts';

/** The whole file. */
export function junitText(run: TestRun): string {
  const suites = run.files.map(({ path, tests }) => {
    const failures = tests.filter(({ ok }) => !ok).length;
    const cases = tests.map(({ name, ok, message, durationMs }) => {
      const head = `    <testcase classname=${quoted(path)} name=${quoted(name)} time="${seconds(durationMs)}"`;
      if (ok) return `${head}/>`;
      const [first = '', ...rest] = message.split('\n');
      const body = rest.length === 0 ? '' : escaped(rest.map(visible).join('\n'));
      return `${head}>\n      <failure message=${quoted(first)}>${body}</failure>\n    </testcase>`;
    });
    const timeMs = tests.reduce((sum, { durationMs }) => sum + durationMs, 0);
    const counts = `tests="${tests.length}" failures="${failures}" errors="0" skipped="0" time="${seconds(timeMs)}"`;
    return [`  <testsuite name=${quoted(path)} ${counts}>`, ...cases, '  </testsuite>'].join('\n');
  });
  const totals = `tests="${run.passed + run.failed}" failures="${run.failed - run.unreadable}" errors="${run.unreadable}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="sallyport policy test" ${totals}>`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}

function quoted(text: string): string {
  return `"${escaped(visible(text))}"`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(4);
}
