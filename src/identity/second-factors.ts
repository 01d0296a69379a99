// Second factors of people: passkeys and authenticator apps, their registration, and what they prove: that it is this person now,
// or that this person approves exactly this action. Whoever has one needs it to add or remove another.

import { approvalChallenge } from '../core/approval-challenge.ts';
import type { ApprovalSubject } from '../core/approval-challenge.ts';
import { appendNow } from '../core/append-now.ts';
import type { AuditEventType, AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { SecondFactorProof } from '../core/decision.ts';
import { Fault } from '../core/errors.ts';
import type { FactorStore, PasskeyRow } from '../store/factors.ts';
import { BackOff } from './back-off.ts';
import { Passkeys } from './passkeys.ts';
import type { CredentialJson } from './passkeys.ts';
import { ProofTimes } from './proof-times.ts';
import { base32, otpauthUrl, totpSecretBytes, totpStep } from './totp.ts';

/** Wrong codes in a row after which an app is locked: with three good codes at a time, guessing so often succeeds once in 10,000. */
export const totpFailuresMax = 30;
/** A secret that was shown and not confirmed is forgotten after this. */
const totpSetupTtlMs = 10 * 60_000;
const setupsMax = 1000;
/** How long a proof of this very browser or token lasts for changing factors. */
export const freshProofMs = 10 * 60_000;
const freshMax = 10_000;

/** A second factor as somebody gives it: a code, or what their browser's passkey answered. */
export interface GivenFactor {
  readonly totp?: string | undefined;
  readonly passkey?: CredentialJson | undefined;
}

export interface FactorsView {
  readonly passkeys: readonly PasskeyRow[];
  readonly hasTotp: boolean;
  readonly isTotpLocked: boolean;
  readonly provedAtMs: number | null;
}

export class SecondFactors {
  readonly passkeys: Passkeys;
  readonly #store: FactorStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #audit: AuditLog;
  readonly #backOff: BackOff;
  readonly #setups = new Map<string, { readonly secret: Buffer; readonly deadlineMs: number }>();
  /** By browser or token: until when it may change factors without proving one again. */
  readonly #fresh = new Map<string, number>();
  readonly #proofs: ProofTimes;

  constructor(store: FactorStore, clock: Clock, random: Random, audit: AuditLog, newestEventMs = 0) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#audit = audit;
    this.#backOff = new BackOff(clock);
    this.#proofs = new ProofTimes(store, clock, newestEventMs);
    this.passkeys = new Passkeys(store, clock, random);
  }

  view(person: string): FactorsView {
    const totp = this.#store.totp(person);
    const isTotpLocked = totp !== null && totp.failures >= totpFailuresMax;
    return { passkeys: this.passkeys.list(person), hasTotp: totp !== null, isTotpLocked, provedAtMs: this.provedAtMs(person) };
  }

  /** Wall clock of the last proof of a second factor by this person; null: never, or nobody knows how long ago. */
  provedAtMs(person: string): number | null {
    return this.#proofs.of(person);
  }

  /** Notes a proof that was checked elsewhere (a sign-in by passkey, an issuer's word). */
  noteProof(person: string, how: string, detail: Record<string, unknown> = {}): void {
    this.#proofs.note(person);
    this.#event('second-factor.proved', person, { factor: how, ...detail });
  }

  /**
   * Checks a factor of this person. `browser` then may change factors for ten minutes. Throws Faults not-allowed (wrong, used,
   * locked, none registered) and limit-reached (too many wrong ones).
   */
  async prove(person: string, given: GivenFactor, origin: string, browser: string): Promise<void> {
    if (given.passkey !== undefined) {
      const row = await this.passkeys.check(given.passkey, origin, person);
      if (row === null) throw this.#refused(person, 'passkey', 'that passkey does not prove that it is you');
      this.noteProof(person, 'passkey', { credential_id: row.id });
    } else {
      this.checkTotp(person, given.totp ?? '');
    }
    this.#fresh.set(browser, this.#clock.monotonicMs() + freshProofMs);
    if (this.#fresh.size > freshMax) this.#fresh.delete(this.#fresh.keys().next().value ?? '');
  }

  /** Takes a code of this person's app, once. Throws Faults as `prove` does. */
  checkTotp(person: string, code: string): void {
    if (this.#backOff.waitMs(person, 'totp') > 0) throw new Fault('limit-reached', 'too many wrong codes; wait half a minute');
    const totp = this.#store.totp(person);
    if (totp === null) {
      throw new Fault('not-allowed', 'you have no authenticator app registered', {
        hint: 'register one on your account page in the console',
      });
    }
    if (totp.failures >= totpFailuresMax) {
      throw new Fault('not-allowed', 'your authenticator app is locked after too many wrong codes', {
        hint: 'an operator can reset it: sallyport people reset-factors',
      });
    }
    const step = totpStep(totp.secret, code, this.#clock.nowMs());
    if (step === null) {
      this.#store.totpFailed(person);
      this.#backOff.failed(person, 'totp');
      throw this.#refused(person, 'totp', 'that code is wrong; codes change every 30 seconds');
    }
    if (!this.#store.takeStep(person, step)) throw this.#refused(person, 'totp', 'that code was used already; wait for the next one');
    this.#backOff.succeeded(person, 'totp');
    this.noteProof(person, 'totp');
  }

  /** What a browser asks its passkey to sign for an approval. */
  approvalOptions(subject: ApprovalSubject, origin: string): object {
    return this.passkeys.requestOptions(subject.approver, approvalChallenge(subject), origin);
  }

  /** The proof that goes with an approval of exactly this action; null when none was given. Throws Faults as `prove` does. */
  async proofOf(subject: ApprovalSubject, given: GivenFactor, origin: string): Promise<SecondFactorProof | null> {
    const { approver } = subject;
    if (given.passkey !== undefined) {
      const assertion = await this.passkeys.checkApproval(given.passkey, origin, approver, approvalChallenge(subject));
      if (assertion === null)
        throw this.#refused(approver, 'passkey', 'that signature is not yours, or not for exactly this action', subject);
      this.noteProof(approver, 'passkey', { credential_id: assertion.credentialId, hold_id: subject.holdId });
      return assertion;
    }
    if (given.totp === undefined) return null;
    this.checkTotp(approver, given.totp);
    return { kind: 'totp' };
  }

  /** Whoever has a factor must have shown one in this browser lately: a stolen cookie adds no passkey. Throws Fault not-allowed. */
  mustBeFresh(person: string, browser: string): void {
    const { passkeys, hasTotp } = this.view(person);
    if (passkeys.length === 0 && !hasTotp) return;
    if ((this.#fresh.get(browser) ?? -Infinity) > this.#clock.monotonicMs()) return;
    throw new Fault('not-allowed', 'prove your second factor first: you have one, and this needs it');
  }

  // --- registration ---

  registrationOptions(person: { readonly name: string; readonly displayName: string }, origin: string, browser: string): object {
    this.mustBeFresh(person.name, browser);
    return this.passkeys.registrationOptions(person, origin);
  }

  /** The audit event holds the public key: approvals are verified by the log alone. */
  async registerPasskey(person: string, name: string, answer: CredentialJson, origin: string, browser: string): Promise<PasskeyRow> {
    this.mustBeFresh(person, browser);
    const row = await this.passkeys.register(person, name, answer, origin);
    this.#event('passkey.registered', person, {
      person,
      credential_id: row.id,
      name: row.name,
      rp_id: row.rp_id,
      public_key: row.public_key.toString('base64url'),
    });
    return row;
  }

  /** Throws Faults not-found and not-allowed. */
  removePasskey(person: string, id: string, browser: string): void {
    this.mustBeFresh(person, browser);
    if (this.passkeys.remove(person, id) === null) throw new Fault('not-found', 'there is no such passkey of yours');
    this.#event('passkey.removed', person, { person, credential_id: id });
  }

  /** A secret for an app, shown once; it counts when the app's first code has come back. */
  beginTotp(person: string, host: string, browser: string): { readonly secret: string; readonly url: string } {
    this.mustBeFresh(person, browser);
    const secret = this.#random.bytes(totpSecretBytes);
    this.#setups.delete(person);
    this.#setups.set(person, { secret, deadlineMs: this.#clock.monotonicMs() + totpSetupTtlMs });
    if (this.#setups.size > setupsMax) this.#setups.delete(this.#setups.keys().next().value ?? '');
    return { secret: base32(secret), url: otpauthUrl(secret, person, host) };
  }

  /** Throws Faults invalid-request (a wrong code) and not-found (nothing to confirm). */
  confirmTotp(person: string, code: string, browser: string): void {
    this.mustBeFresh(person, browser);
    const setup = this.#setups.get(person);
    const nowMs = this.#clock.nowMs();
    if (setup === undefined || this.#clock.monotonicMs() >= setup.deadlineMs) {
      throw new Fault('not-found', 'there is no authenticator app to confirm; begin again');
    }
    const step = totpStep(setup.secret, code, nowMs);
    if (step === null) throw new Fault('invalid-request', 'that is not the code that the app shows now');
    this.#setups.delete(person);
    this.#store.setTotp({ person, secret: setup.secret, last_step: step, failures: 0, created_at_ms: nowMs });
    this.#event('totp.registered', person, { person });
    this.noteProof(person, 'totp');
  }

  removeTotp(person: string, browser: string): void {
    this.mustBeFresh(person, browser);
    if (!this.#store.removeTotp(person)) throw new Fault('not-found', 'you have no authenticator app registered');
    this.#event('totp.removed', person, { person });
  }

  /** For whoever lost their phone: an operator takes all factors away. */
  reset(person: string, by: string): void {
    for (const { id } of this.passkeys.list(person)) {
      this.passkeys.remove(person, id);
      this.#event('passkey.removed', by, { person, credential_id: id });
    }
    if (this.#store.removeTotp(person)) this.#event('totp.removed', by, { person });
  }

  /** Drops all that is kept of somebody who was removed, password and time of the last proof as well. */
  forget(person: string): void {
    this.#store.removeAllOf(person);
    this.#setups.delete(person);
    this.#proofs.forget(person);
  }

  #refused(person: string, factor: string, words: string, subject: ApprovalSubject | null = null): Fault {
    this.#event('second-factor.refused', person, { factor, why: words }, subject);
    return new Fault('not-allowed', words);
  }

  #event(type: AuditEventType, principal: string, detail: Record<string, unknown>, subject: ApprovalSubject | null = null): void {
    appendNow(this.#audit, {
      type,
      atMs: this.#clock.nowMs(),
      principal,
      target: subject?.target ?? null,
      sessionId: null,
      actionId: null,
      holdId: subject?.holdId ?? null,
      detail,
    });
  }
}
