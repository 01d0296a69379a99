// Durations as people type them after --for, --ttl and their like, as they write them in the configuration and in chats.

import { CommandFailure, exitCode } from './exit-code.ts';
import { visible } from './visible.ts';

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "30m", "8h", "1h30m" in milliseconds. Throws CommandFailure in words. */
export function durationMs(text: string): number {
  const parts = /^(\d{1,9}d)?(\d{1,9}h)?(\d{1,9}m)?(\d{1,9}s)?$/.exec(text)?.slice(1) ?? [];
  const ms = parts.reduce((sum, part) => sum + (part === undefined ? 0 : Number(part.slice(0, -1)) * (unitMs[part.slice(-1)] ?? 0)), 0);
  if (ms > 0) return ms;
  throw new CommandFailure(exitCode.usage, `"${visible(text)}" is not a time`, 'write numbers and units, as in 30m, 8h or 1h30m');
}
