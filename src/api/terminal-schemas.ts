// What the API says of recorded terminals.

import { z } from 'zod';
import type { TerminalIndexView, TerminalSearchView, TerminalView } from './contract.ts';
import { idParams } from './request-schemas.ts';

const terminalNumberMax = 9999;
const searchCharsMax = 200;

export const terminalParams = idParams.extend({ index: z.coerce.number().int().min(0).max(terminalNumberMax) });
export const searchQuery = z.strictObject({ q: z.string().min(1).max(searchCharsMax) });
export const followQuery = z.object({ from: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0) });

export const terminalView: z.ZodType<TerminalView> = z
  .object({
    index: z.int(),
    url: z.string(),
    started_at: z.iso.datetime(),
    command: z.string().nullable(),
    duration_ms: z.number(),
    busy_ms: z.number(),
    bytes: z.number(),
    commands: z.number(),
    live: z.boolean(),
  })
  .meta({ id: 'Terminal' });

export const terminalIndexView: z.ZodType<TerminalIndexView> = z
  .object({
    terminal: terminalView,
    points: z.array(z.object({ at_ms: z.number(), offset: z.number(), cols: z.number(), rows: z.number(), alternate: z.boolean() })),
    marks: z.array(z.object({ at_ms: z.number(), text: z.string() })),
    marks_left_out: z.number(),
  })
  .meta({ id: 'TerminalIndex' });

export const terminalSearchView: z.ZodType<TerminalSearchView> = z
  .object({ hits: z.array(z.object({ at_ms: z.number(), line: z.string() })), more: z.boolean() })
  .meta({ id: 'TerminalSearch' });
