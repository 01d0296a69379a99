// `sallyport replay`: the statement log of a session, as it went: what was asked, what was decided, how it ended. With a speed
// it keeps the session's own timing.

import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordingEntry, RecordingView } from '../api/contract.ts';
import type { Command } from './command.ts';
import { printJson, segment, span } from './command.ts';
import { sessionLines } from './sessions.ts';
import { cut } from './table.ts';
import type { Terminal } from './terminal.ts';
import { visible, visibleLines } from './visible.ts';

/** A lunch break is not replayed. */
const idleMsMax = 3_000;

export interface ReplayOptions {
  /** Times the real speed; undefined prints all at once. */
  readonly speed?: number | undefined;
  readonly json?: boolean | undefined;
}

export async function replay(command: Command, id: string, options: ReplayOptions): Promise<void> {
  const { client, terminal, signal } = command;
  const recording = await client.get<RecordingView>(`/sessions/${segment(id)}/recording`);
  if (options.json === true) return printJson(terminal, recording);
  for (const line of sessionLines(recording.session, command.nowMs())) terminal.out(terminal.paint('dim', line));
  let atMs = 0;
  const waitUntil = async (ms: number): Promise<void> => {
    const gapMs = Math.min(idleMsMax, Math.max(0, ms - atMs) / (options.speed ?? Infinity));
    atMs = Math.max(atMs, ms);
    if (gapMs > 0) await sleep(gapMs, undefined, { signal }).catch(() => undefined);
  };
  for (const entry of recording.entries) {
    if (signal.aborted) return;
    await waitUntil(entry.asked_ms);
    for (const line of askedLines(terminal, entry)) terminal.out(line);
    await waitUntil(entry.finished_ms);
    if (signal.aborted) return;
    for (const line of endedLines(terminal, entry)) terminal.out(line);
  }
  if (!recording.complete) terminal.err('the session is still open: more will come');
}

function askedLines(terminal: Terminal, entry: RecordingEntry): string[] {
  const [first = '', ...rest] = visibleLines(entry.text);
  const parameters = (entry.parameters ?? []).map(
    (one, index) => `           $${index + 1} = ${one.text === null ? 'NULL' : visible(one.text)}`,
  );
  return [
    '',
    `${terminal.paint('dim', offset(entry.asked_ms))} ${terminal.paint('bold', first)}`,
    ...rest.map((line) => `           ${terminal.paint('bold', line)}`),
    ...parameters,
  ];
}

function endedLines(terminal: Terminal, entry: RecordingEntry): string[] {
  const lines = [`           ${decisionWords(terminal, entry)}`];
  const took = span(entry.finished_ms - (entry.released_ms ?? entry.asked_ms));
  const rows = entry.rows === null ? '' : `, ${entry.rows} ${entry.rows === 1 ? 'row' : 'rows'}`;
  const colour = entry.outcome === 'completed' ? 'green' : 'red';
  lines.push(`           ${terminal.paint(colour, visible(entry.outcome))}${rows}, ${took}`);
  if (entry.error !== null)
    lines.push(`           ${terminal.paint('red', `${visible(entry.error.code)}: ${visible(entry.error.message)}`)}`);
  for (const row of entry.results ?? []) {
    const cells = row.map((cell) => (cell === null ? 'NULL' : visible(cell))).join(' | ');
    lines.push(`           ${cut(cells, terminal.columns - 11)}`);
  }
  return lines;
}

function decisionWords(terminal: Terminal, entry: RecordingEntry): string {
  const rule = entry.rule === null ? '' : ` by ${visible(entry.rule)}`;
  switch (entry.decision) {
    case 'allow':
      return terminal.paint('dim', `allowed${rule}`);
    case 'deny':
      return terminal.paint('red', `denied${rule}`);
    case 'hold': {
      const waited = span((entry.released_ms ?? entry.finished_ms) - entry.asked_ms);
      const hold = entry.hold_id === null ? '' : ` as ${visible(entry.hold_id)}`;
      const people = entry.approved_by.length === 0 ? '' : `, answered by ${entry.approved_by.map(visible).join(', ')}`;
      return terminal.paint('yellow', `held${hold} for ${waited}${rule}${people}`);
    }
  }
}

/** "  01:02.345" */
function offset(ms: number): string {
  const minutes = String(Math.floor(ms / 60_000)).padStart(2, '0');
  const seconds = ((ms % 60_000) / 1_000).toFixed(3).padStart(6, '0');
  return `${minutes}:${seconds}`.padStart(10);
}
