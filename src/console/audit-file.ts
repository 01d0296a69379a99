// The events that a search found as a file: one JSON object a line, as the API gives them, newest first.

import { api } from './api.ts';
import type { AuditFilters } from './api.ts';

/** More is for `sallyport audit --json` and the log's own files: a page has to keep all of it in memory. */
export const savedEventsMax = 10_000;

/** Offers the file to the person; gives how many events are in it, and whether there are more. */
export async function saveEvents(filters: AuditFilters, day: string): Promise<{ readonly events: number; readonly more: boolean }> {
  const lines: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof api.audit>> = await api.audit(filters, cursor);
    for (const event of page.items) lines.push(`${JSON.stringify(event)}\n`);
    cursor = page.next;
  } while (cursor !== null && lines.length < savedEventsMax);
  const address = URL.createObjectURL(new Blob(lines, { type: 'application/jsonl' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = `sallyport-audit-${day}.jsonl`;
  link.click();
  // The browser reads it after this turn.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return { events: lines.length, more: cursor !== null };
}
