// Reads tap's TAP stream while it runs: a line for each finished test file, failures in full at once, and the counts.
// Counted are assertions; a test or file that failed without a failing assertion inside (it timed out, crashed) counts as one.

import { inspect } from 'node:util';
import { dim, green, red } from './progress.mjs';

const diagnosticLinesMax = 60;

/** Follows a TAP stream; `print` gets lines. Resolves to { passed, failed, skipped, files, failedFiles } when the stream has ended. */
export async function reportTap(stream, print) {
  const { Parser } = await import('tap-parser');
  const total = { passed: 0, failed: 0, skipped: 0, files: 0, failedFiles: [] };
  const parser = new Parser();
  follow(parser, [], total, print);
  parser.on('bailout', (reason) => print(red(`Bail out! ${reason}`)));
  await new Promise((resolve, reject) => {
    parser.on('complete', resolve);
    stream.on('error', reject);
    stream.pipe(parser);
  });
  return total;
}

function follow(parser, path, total, print) {
  let child = null;
  const beneath = { passed: 0, failed: 0, skipped: 0 };
  const count = (kind) => {
    total[kind]++;
    beneath[kind]++;
  };
  parser.on('child', (sub) => {
    child = follow(sub, [...path, sub.name], total, print);
  });
  parser.on('assert', (result) => {
    const inner = child;
    child = null;
    if (inner !== null) for (const kind of ['passed', 'failed', 'skipped']) beneath[kind] += inner[kind];
    const good = result.ok || result.todo || result.skip;
    if (inner === null) {
      if (result.skip || result.todo) count('skipped');
      else count(result.ok ? 'passed' : 'failed');
    } else if (!good && inner.failed === 0) {
      count('failed');
    }
    if (!good && (inner === null || inner.failed === 0)) print(failure([...path, result.name], result.diag));
    if (path.length === 0) {
      total.files++;
      if (!good) noteFailed(total.failedFiles, result, Math.max(1, inner?.failed ?? 1));
      const mark = good ? green('✓') : red('✗');
      const counts = inner === null ? '' : `${inner.passed} passed${inner.failed > 0 ? `, ${inner.failed} failed` : ''}`;
      print(`${mark} ${result.name} ${dim(`${counts} ${((result.time ?? 0) / 1000).toFixed(1)} s`)}`);
    }
  });
  return beneath;
}

/** A file that took too long fails twice: as itself, and as "timeout!" with its name in what is said of it. */
function noteFailed(files, { name, diag }, failed) {
  const file = diag?.expired ?? name;
  const known = files.find((it) => it.name === file);
  if (known === undefined) files.push({ name: file, failed });
  else known.failed += failed;
}

function failure(path, diag) {
  const lines = [red(`✗ ${path.join(' › ')}`)];
  const { diff, at, stack, found, wanted, source, ...rest } = diag ?? {};
  if (at !== undefined) lines.push(`  at ${at.fileName ?? ''}:${at.lineNumber ?? ''}:${at.columnNumber ?? ''}`);
  if (source !== undefined) lines.push(...indented(source));
  if (diff !== undefined) lines.push(...indented(diff));
  else if (found !== undefined || wanted !== undefined) lines.push(`  found:  ${inspect(found)}`, `  wanted: ${inspect(wanted)}`);
  if (stack !== undefined) lines.push(...indented(stack));
  if (Object.keys(rest).length > 0) lines.push(...indented(inspect(rest, { depth: 4, breakLength: 120 })));
  return lines.slice(0, diagnosticLinesMax).join('\n');
}

function indented(text) {
  return String(text)
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`);
}
