// What every command that speaks to a gateway gets.

import type { Client } from './client.ts';
import type { Terminal } from './terminal.ts';
import { visible, visibleJson } from './visible.ts';

export interface Command {
  readonly terminal: Terminal;
  readonly client: Client;
  readonly nowMs: () => number;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface ListOptions {
  readonly json?: boolean | undefined;
  readonly limit: number;
}

/** The answer as JSON, safe to print. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(visibleJson(value));
}

/** "21 Nov 10:04:05", in the zone of the machine where it is read; "21 Nov 2025 10:04:05" in another year than this. */
export function clockTime(iso: string, nowMs = Date.now()): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return visible(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  const month = at.toLocaleString('en', { month: 'short' });
  const year = at.getFullYear() === new Date(nowMs).getFullYear() ? '' : ` ${at.getFullYear()}`;
  return `${two(at.getDate())} ${month}${year} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** "850 ms", "42 s", "5 min", "1 h 30 min", "3 h". */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 90_000) return `${Math.round(ms / 1_000)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 90) return `${minutes} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest === 0 ? '' : ` ${rest} min`}`;
}

/** A path segment of the API. */
export function segment(id: string): string {
  return encodeURIComponent(id);
}
