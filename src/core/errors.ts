// Faults: what went wrong in the gateway or at its borders, with a code from one list. Rendered only at the edges.

export type FaultCode =
  | 'config-invalid'
  | 'listen-failed'
  | 'policy-invalid'
  | 'policy-failed'
  | 'audit-write-failed'
  | 'audit-chain-broken'
  | 'recorder-failed'
  | 'store-failed'
  | 'classifier-failed'
  | 'protocol-violation'
  | 'message-too-large'
  | 'limit-reached'
  | 'sign-in-failed'
  | 'target-unknown'
  | 'target-unreachable'
  | 'target-sign-in-failed'
  | 'target-tls-failed'
  | 'target-credential-failed'
  | 'target-lost'
  | 'not-found'
  | 'not-allowed'
  | 'conflict'
  | 'invalid-request';

export class Fault extends Error {
  readonly code: FaultCode;
  /** What the reader can do about it, or null. */
  readonly hint: string | null;

  constructor(code: FaultCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    this.hint = options.hint ?? null;
  }
}

/** The words of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The same of a system error without the file that it is about: whoever is refused has nothing to do with where things lie here. */
export function messageWithoutPath(thrown: unknown): string {
  const { path, syscall } = (thrown ?? {}) as Partial<NodeJS.ErrnoException>;
  const words = messageOf(thrown);
  return path === undefined || syscall === undefined ? words : words.replace(`, ${syscall} '${path}'`, '');
}
