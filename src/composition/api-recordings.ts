// Recordings as the API asks for them. Whoever looks at one is written down before anything of it is shown.

import type { ApiRecordings } from '../api/recording-services.ts';
import type { AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { OpenedRecordings } from '../recordings/recordings.ts';

/** A page that is open asks again and again: the same person at the same recording is one look within this. */
const oneLookMs = 15 * 60_000;
/** Looks remembered; the oldest is forgotten first, and then written down once more. */
const looksMax = 10_000;

/** `flush`: what another thread has of a session's recording is written before it is read. */
export function apiRecordings(
  recordings: OpenedRecordings,
  audit: AuditLog,
  clock: Clock,
  flush: (sessionId: string) => Promise<void>,
): ApiRecordings {
  const looks = new Map<string, number>();
  return {
    read: async (sessionId, part) => {
      await flush(sessionId);
      return (await recordings.read(sessionId, part)) ?? null;
    },
    terminals: recordings.terminals,
    noteLook: async (look) => {
      const { sessionId, target, by, terminal, live } = look;
      const key = [by, sessionId, terminal, live].join(' ');
      const before = looks.get(key);
      if (!live && before !== undefined && clock.monotonicMs() - before < oneLookMs) return;
      await audit.append({
        type: live ? 'recording.watched' : 'recording.opened',
        atMs: clock.nowMs(),
        principal: by,
        target,
        sessionId,
        actionId: null,
        holdId: null,
        detail: terminal === null ? { of: 'statements' } : { of: 'terminal', terminal },
      });
      looks.delete(key);
      looks.set(key, clock.monotonicMs());
      for (const oldest of looks.keys()) {
        if (looks.size <= looksMax) break;
        looks.delete(oldest);
      }
    },
  };
}
