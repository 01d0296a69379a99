// Results of policy tests as JUnit XML, the form that build servers read, by the rules of their schema (junit-10.xsd). Names and
// messages may hold anything: what XML 1.0 can't carry is shown as its escape.

import { visible } from '../cli/visible.ts';
import type { TestFileRun, TestRun } from './policy-test-run.ts';

/** The whole file. The counts of the suites add up to those of the whole: some build servers read the one, some the other. */
export function junitText(run: TestRun): string {
  const timeMs = run.files.reduce((sum, file) => sum + timeOf(file), 0);
  const totals = `tests="${run.passed + run.failed}" failures="${run.failed - run.unreadable}" errors="${run.unreadable}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="sallyport policy test" ${totals} time="${seconds(timeMs)}">`,
    ...run.files.map(suiteText),
    '</testsuites>',
    '',
  ].join('\n');
}

/** One file of tests; each problem of a file that can't be read is a test that ended with an error. */
function suiteText(file: TestFileRun): string {
  const { path, problems, tests } = file;
  const failures = tests.filter(({ ok }) => !ok).length;
  const counts = `tests="${tests.length + problems.length}" failures="${failures}" errors="${problems.length}" skipped="0"`;
  const unread = problems.map((problem) =>
    caseText({ path, name: 'the file can be read', ms: 0 }, { tag: 'error', type: 'unreadable', message: problem }),
  );
  const ran = tests.map(({ name, ok, message, durationMs }) =>
    caseText({ path, name, ms: durationMs }, ok ? null : { tag: 'failure', type: 'decision', message }),
  );
  return [`  <testsuite name=${quoted(path)} ${counts} time="${seconds(timeOf(file))}">`, ...unread, ...ran, '  </testsuite>'].join('\n');
}

interface Outcome {
  readonly tag: 'failure' | 'error';
  readonly type: string;
  /** The first line in short, the rest as detail. */
  readonly message: string;
}

function caseText(
  { path, name, ms }: { readonly path: string; readonly name: string; readonly ms: number },
  wrong: Outcome | null,
): string {
  const head = `    <testcase classname=${quoted(path)} name=${quoted(name)} time="${seconds(ms)}"`;
  if (wrong === null) return `${head}/>`;
  const { tag, type, message } = wrong;
  const [first = '', ...rest] = message.split('\n');
  const detail = escaped(rest.map(visible).join('\n'));
  return `${head}>\n      <${tag} type="${type}" message=${quoted(first)}>${detail}</${tag}>\n    </testcase>`;
}

function timeOf({ tests }: TestFileRun): number {
  return tests.reduce((sum, { durationMs }) => sum + durationMs, 0);
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
