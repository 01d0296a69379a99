// What the tests of the audit log share: events, temporary folders, a real clock.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEvent, AuditEventType } from '../../../src/core/audit.ts';
import type { Clock } from '../../../src/core/clock.ts';
import type { AuditLogOptions } from '../../../src/audit/log.ts';

export const realClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

export function event(number: number, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    type: 'action.released' satisfies AuditEventType,
    atMs: 1_790_000_000_000 + number * 1000,
    principal: 'alice',
    target: 'orders',
    sessionId: 's-1',
    actionId: `s-1-${number}`,
    holdId: null,
    detail: { text: `SELECT ${number}`, rule: 'production/reads' },
    ...more,
  };
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'sallyport-audit-'));
}

export function options(dir: string, more: Partial<AuditLogOptions> = {}): AuditLogOptions {
  const onFailed = (fault: Error) => {
    throw fault;
  };
  return { dir, durability: 'kernel', clock: realClock, onFailed, ...more };
}
