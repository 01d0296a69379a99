// Keeps one leased credential alive while its connection lives, and revokes it afterwards. Trouble is logged, never thrown: a
// lease that can't be revoked now runs out by itself.

import type { CredentialLease } from '../../core/credential.ts';
import type { Log } from '../../core/driver.ts';
import { messageOf } from '../../core/errors.ts';

export interface KeptLease {
  /** Revokes it. Never rejects; resolves when that was answered or given up. */
  end(): Promise<void>;
}

/** Renewed after half of its time, so that one failure leaves time for another try. */
const renewAfterShare = 0.5;
const renewMsMin = 500;
/** Longest time of a timer in Node. */
const timerMsMax = 2 ** 31 - 1;
const answerMsMax = 10_000;
const revokeTries = 3;

export function keepLease(lease: CredentialLease, targetName: string, log: Log): KeptLease {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const wait = (durationMs: number): void => {
    if (ended || !lease.isRenewable) return;
    timer = setTimeout(() => void renew(durationMs), Math.min(timerMsMax, Math.max(renewMsMin, durationMs * renewAfterShare)));
    timer.unref();
  };
  const renew = async (durationMs: number): Promise<void> => {
    try {
      const left = await lease.renew(AbortSignal.timeout(answerMsMax));
      // Vault shortens the last ones to what its maximum leaves; then there is nothing more to ask for.
      if (left > renewMsMin) wait(left);
    } catch (thrown) {
      log.warn({ target: targetName, why: messageOf(thrown) }, 'a leased credential could not be renewed');
      const left = durationMs * (1 - renewAfterShare);
      if (left > renewMsMin * 2) wait(left);
    }
  };
  wait(lease.durationMs);
  return {
    end: async () => {
      ended = true;
      clearTimeout(timer);
      for (let tried = 1; ; tried++) {
        try {
          return await lease.revoke(AbortSignal.timeout(answerMsMax));
        } catch (thrown) {
          if (tried < revokeTries) continue;
          log.warn({ target: targetName, why: messageOf(thrown) }, 'a leased credential could not be revoked: it runs out by itself');
          return;
        }
      }
    },
  };
}
