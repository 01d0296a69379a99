// Limits of the SSH front, each with its reason.

export interface SshLimits {
  /** Connections at once, in all and from one address, those that are still signing in included. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** From accept to signed in; a sign-in in the browser has its own. */
  readonly handshakeTimeoutMs: number;
  /** Reaching and signing in to the target. */
  readonly targetTimeoutMs: number;
  /** Session channels of one connection; each may hold 2 MiB of what its other side does not take. */
  readonly channelsMax: number;
  /** Forwarded connections and listeners of one connection. */
  readonly forwardsMax: number;
  /** Without a byte in any channel. */
  readonly idleTimeoutMs: number;
  /** From open to end, whatever it does; null: no limit. */
  readonly sessionTimeoutMs: number | null;
  /** New keys after this long or this much (RFC 4253, 9); ssh2 asks for none by itself. */
  readonly rekeyAfterMs: number;
  readonly rekeyAfterBytes: number;
}

export const defaultSshLimits: SshLimits = {
  connectionsMax: 20_000,
  connectionsPerAddressMax: 2_000,
  handshakeTimeoutMs: 30_000,
  targetTimeoutMs: 15_000,
  channelsMax: 50,
  forwardsMax: 100,
  idleTimeoutMs: 3_600_000,
  sessionTimeoutMs: null,
  rekeyAfterMs: 3_600_000,
  rekeyAfterBytes: 1024 ** 3,
};
