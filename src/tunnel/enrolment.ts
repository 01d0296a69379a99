// Who may be an agent: one-time tokens that operators issue, keys that agents make for themselves, and the credential that a
// known key gets at each link. It decides and writes down; it has no socket.

import { createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { appendNow } from '../core/append-now.ts';
import { eventWithoutSession, type AuditEventType, type AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { duration } from '../core/words.ts';
import { keyHashOf, mintCredential, readCredential } from './credentials.ts';
import type { Hello, RefusalCode } from './handshake.ts';

/** An enrolled agent as the store keeps it. Several may have the same name: replicas, each with a key of its own. */
export interface AgentRecord {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** SPKI, base64. */
  readonly publicKey: string;
  readonly enrolledAtMs: number;
  readonly enrolledBy: string;
  readonly hostname: string;
  readonly software: string;
  readonly address: string;
  readonly allow: readonly string[];
  readonly lastSeenAtMs: number;
  /** Turn of the credential that was shown last, and of the one that was given last. */
  readonly usedTurn: number;
  readonly issuedTurn: number;
  readonly revokedAtMs: number | null;
}

export interface EnrolmentToken {
  readonly id: string;
  readonly sha256: Buffer;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** The key that used it; null while nobody has. */
  readonly usedByKey: string | null;
}

export type Seen = Pick<AgentRecord, 'hostname' | 'software' | 'address' | 'allow' | 'lastSeenAtMs' | 'usedTurn' | 'issuedTurn'>;

export interface AgentStore {
  agent(id: string): AgentRecord | undefined;
  agentByKey(publicKey: string): AgentRecord | undefined;
  /** Those that are not revoked, by name. */
  agents(): readonly AgentRecord[];
  /** Those of a name that were not seen since then and are not revoked: that host's first, then the longest gone. */
  unseen(name: string, hostname: string, sinceMs: number): readonly AgentRecord[];
  seen(id: string, seen: Seen): void;
  lastSeen(id: string, atMs: number): void;
  /** The same for many, in one transaction. */
  allSeen(ids: readonly string[], atMs: number): void;
  revoke(id: string, by: string, atMs: number): void;
  addToken(token: EnrolmentToken): void;
  token(sha256: Buffer): EnrolmentToken | undefined;
  openTokens(nowMs: number): number;
  /** Those that still enrol somebody, oldest first. */
  listOpenTokens(nowMs: number): readonly EnrolmentToken[];
  /** False: there is none of that id that is not used. */
  removeToken(id: string): boolean;
  removeExpiredTokens(nowMs: number): void;
  /** Binds the token to the key and adds the agent, both or neither. False when the token was used meanwhile. */
  enrol(tokenId: string, agent: AgentRecord): boolean;
}

export interface EnrolmentOptions {
  readonly store: AgentStore;
  readonly secret: Secret;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditLog;
  readonly credentialLifetimeMs: number;
}

export type Admission =
  | { readonly kind: 'admitted'; readonly agent: AgentRecord; readonly credential: string; readonly enrolledNow: boolean }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly message: string };

export const enrolmentTtlMsDefault = 3_600_000;
export const enrolmentTtlMsMin = 60_000;
export const enrolmentTtlMsMax = 7 * 86_400_000;
/** Tokens that wait to be used: as many machines as somebody may set up at a time. */
const openTokensMax = 10_000;
const agentsMax = 50_000;
const tokenPrefix = 'spe_';
const tokenBytes = 32;

export class Enrolment {
  readonly #options: EnrolmentOptions;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
    options.store.removeExpiredTokens(options.clock.nowMs());
  }

  /** Makes a token for one agent. Throws Faults invalid-request and limit-reached. */
  createToken(wanted: { name: string; labels: Readonly<Record<string, string>>; ttlMs?: number | undefined; by: string }): {
    token: string;
    expiresAtMs: number;
  } {
    const { store, clock, random } = this.#options;
    const ttlMs = wanted.ttlMs ?? enrolmentTtlMsDefault;
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(wanted.name)) {
      throw new Fault('invalid-request', 'an agent has a name of 1 to 63 letters, digits and . _ -, beginning with a letter or digit');
    }
    if (!(ttlMs >= enrolmentTtlMsMin && ttlMs <= enrolmentTtlMsMax)) {
      throw new Fault(
        'invalid-request',
        `an enrolment token lives for at least ${duration(enrolmentTtlMsMin)} and at most ${duration(enrolmentTtlMsMax)}`,
      );
    }
    const nowMs = clock.nowMs();
    if (store.openTokens(nowMs) >= openTokensMax)
      throw new Fault('limit-reached', `${openTokensMax} enrolment tokens wait to be used, the limit`);
    const token = tokenPrefix + random.bytes(tokenBytes).toString('base64url');
    const expiresAtMs = nowMs + ttlMs;
    const { name, labels, by } = wanted;
    store.addToken({
      id: `et-${idText(random)}`,
      sha256: sha256(token),
      name,
      labels,
      createdBy: by,
      createdAtMs: nowMs,
      expiresAtMs,
      usedByKey: null,
    });
    this.#event('agent.token-issued', by, { name, labels, expires_at: new Date(expiresAtMs).toISOString() });
    return { token, expiresAtMs };
  }

  /** Tokens that still enrol somebody. */
  tokens(): readonly EnrolmentToken[] {
    return this.#options.store.listOpenTokens(this.#options.clock.nowMs());
  }

  /** Takes back a token that nobody has used. False: there is none of that id. */
  revokeToken(id: string, by: string): boolean {
    const token = this.tokens().find((it) => it.id === id);
    if (token === undefined || !this.#options.store.removeToken(id)) return false;
    this.#event('agent.token-revoked', by, { token: id, name: token.name });
    return true;
  }

  /** Judges a hello whose signature is checked here, over `signed`. Writes down what it finds. */
  admit(hello: Hello, signed: Buffer, signature: Buffer, address: string): Admission {
    const { proof } = hello;
    const found =
      'credential' in proof ? this.#byCredential(proof.credential) : this.#byToken(proof.enrolment_token, proof.public_key, hello, address);
    if (found.kind === 'refused') return this.#refused(found, hello, address);
    const key = readKey(found.agent.publicKey);
    if (key === null || !verify(null, signed, key, signature)) {
      const message =
        'the signature is wrong: the key is another one, or something between agent and gateway ends TLS (then let it pass the connection through)';
      return this.#refused({ kind: 'refused', code: 'credential', message }, hello, address);
    }
    return found.commit();
  }

  /** A new credential for an agent that is linked, of the same turn. */
  renew(agent: AgentRecord, turn: number): string {
    const { secret, clock, credentialLifetimeMs } = this.#options;
    return mintCredential(secret, {
      agentId: agent.id,
      turn,
      expiresAtMs: clock.nowMs() + credentialLifetimeMs,
      keyHash: keyHashOf(agent.publicKey),
    });
  }

  #byCredential(text: string): Found {
    const { store, secret, clock } = this.#options;
    const credential = readCredential(secret, text);
    const agent = credential === null ? undefined : store.agent(credential.agentId);
    if (credential === null || agent === undefined || credential.keyHash !== keyHashOf(agent.publicKey)) {
      return refusal('credential', 'this credential is not from this gateway: enrol the agent with a new token');
    }
    if (agent.revokedAtMs !== null) return refusal('revoked', `agent ${agent.name} (${agent.id}) was revoked`);
    const nowMs = clock.nowMs();
    if (credential.expiresAtMs <= nowMs) {
      const [ended, now] = [credential.expiresAtMs, nowMs].map((atMs) => new Date(atMs).toISOString());
      return refusal(
        'credential',
        `the credential of agent ${agent.name} ended at ${ended} (it is ${now} by the gateway's clock): enrol it with a new token`,
      );
    }
    // A turn beyond the last issued means that the gateway's store was restored from a backup: the MAC says that we gave it.
    if (credential.turn < agent.issuedTurn && credential.turn !== agent.usedTurn) {
      return refusal(
        'credential',
        `another copy of the state of agent ${agent.name} (${agent.id}) has been used: revoke it and enrol anew`,
      );
    }
    return { kind: 'found', agent, commit: () => this.#admit(agent, credential.turn, false) };
  }

  #byToken(token: string, publicKey: string, hello: Hello, address: string): Found {
    const { store, clock, random } = this.#options;
    const nowMs = clock.nowMs();
    const found = store.token(sha256(token));
    if (found === undefined)
      return refusal('credential', 'this enrolment token is not known: it was used, it expired, or it is from another gateway');
    if (found.expiresAtMs <= nowMs) return refusal('credential', 'this enrolment token has expired: ask for a new one');
    if (readKey(publicKey) === null) return refusal('credential', 'the public key is not an Ed25519 key');
    if (found.usedByKey !== null) {
      // The answer to the first try was lost: the same key may ask again, for as long as the token lives.
      const agent = found.usedByKey === publicKey ? store.agentByKey(publicKey) : undefined;
      if (agent === undefined) return refusal('credential', 'this enrolment token was used already: each enrols one agent');
      if (agent.revokedAtMs !== null) return refusal('revoked', `agent ${agent.name} (${agent.id}) was revoked`);
      return { kind: 'found', agent, commit: () => this.#admit(agent, agent.issuedTurn, false) };
    }
    if (store.agentByKey(publicKey) !== undefined)
      return refusal('credential', 'this key is enrolled already: remove the state folder to enrol anew');
    if (store.agents().length >= agentsMax) return refusal('limit', `the gateway has ${agentsMax} agents, its limit`);
    const agent: AgentRecord = {
      id: `ag-${idText(random)}`,
      name: found.name,
      labels: found.labels,
      publicKey,
      enrolledAtMs: nowMs,
      enrolledBy: found.createdBy,
      hostname: hello.hostname,
      software: hello.software,
      address,
      allow: hello.allow,
      lastSeenAtMs: nowMs,
      usedTurn: 0,
      issuedTurn: 0,
      revokedAtMs: null,
    };
    return {
      kind: 'found',
      agent,
      commit: () => {
        if (!store.enrol(found.id, agent)) return refusal('credential', 'this enrolment token was used already: each enrols one agent');
        this.#event('agent.enrolled', found.createdBy, {
          agent: agent.id,
          name: agent.name,
          labels: agent.labels,
          hostname: agent.hostname,
          address,
        });
        return this.#admit(agent, 0, true);
      },
    };
  }

  #admit(agent: AgentRecord, usedTurn: number, enrolledNow: boolean): Admission {
    const issuedTurn = Math.max(agent.issuedTurn, usedTurn) + 1;
    const admitted = { ...agent, usedTurn, issuedTurn };
    return { kind: 'admitted', agent: admitted, credential: this.renew(admitted, issuedTurn), enrolledNow };
  }

  #refused(refused: Extract<Admission, { kind: 'refused' }>, hello: Hello, address: string): Admission {
    const { code, message } = refused;
    this.#event('agent.refused', null, { code, reason: message, address, hostname: hello.hostname });
    return refused;
  }

  #event(type: AuditEventType, principal: string | null, detail: Readonly<Record<string, unknown>>): void {
    appendNow(this.#options.audit, eventWithoutSession(type, this.#options.clock.nowMs(), principal, detail));
  }
}

type Found =
  | { readonly kind: 'found'; readonly agent: AgentRecord; /** Once the signature is right. */ readonly commit: () => Admission }
  | Extract<Admission, { kind: 'refused' }>;

function refusal(code: RefusalCode, message: string): Extract<Admission, { kind: 'refused' }> {
  return { kind: 'refused', code, message };
}

function readKey(publicKey: string): KeyObject | null {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Crockford's base32, as other ids: no letters that look alike. */
function idText(random: Random): string {
  return Array.from(random.bytes(10), (byte) => '0123456789abcdefghjkmnpqrstvwxyz'[byte & 31]).join('');
}
