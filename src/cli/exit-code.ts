// What the exit code of a command means. Scripts rely on it: docs/operating.md lists it.

export const exitCode = {
  ok: 0,
  /** The gateway could not do it, or could not be reached; a check found problems. */
  failed: 1,
  /** Wrong arguments, or a configuration that is wrong. */
  usage: 2,
  /** Not signed in, or not allowed. */
  notAllowed: 3,
  notFound: 4,
  /** The hold is no longer pending, the session has ended already. */
  conflict: 5,
  /** Of `sallyport exec`, as sysexits.h has them: gateway or target can't be reached, nobody answered in time, withdrawn, refused. */
  unreachable: 69,
  expired: 75,
  withdrawn: 76,
  denied: 77,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** Ends a command with words: what went wrong and where, and what to do about it. */
export class CommandFailure extends Error {
  readonly exitCode: number;
  readonly hint: string | null;

  constructor(code: number, message: string, hint: string | null = null) {
    super(message);
    this.name = 'CommandFailure';
    this.exitCode = code;
    this.hint = hint;
  }
}

export function exitCodeOfStatus(status: number): ExitCode {
  switch (status) {
    case 400:
    case 413:
    case 422:
      return exitCode.usage;
    case 401:
    case 403:
      return exitCode.notAllowed;
    case 404:
      return exitCode.notFound;
    case 409:
    case 410:
      return exitCode.conflict;
    default:
      return exitCode.failed;
  }
}
