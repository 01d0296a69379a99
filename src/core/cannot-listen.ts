// What is said when an address can't be listened on. The configuration may be as it should be all the same: a process that has the
// port ends, an interface comes up. So it is no fault of the configuration, and starting again may help.

import { Fault, messageOf } from './errors.ts';

/** `what` says what would be served there. The Fault is listen-failed. */
export function cannotListen(what: string, { host, port }: { readonly host: string; readonly port: number }, thrown: unknown): Fault {
  const hint = hintFor((thrown as NodeJS.ErrnoException).code, port);
  return new Fault('listen-failed', `${what}: cannot listen on ${host}:${port}: ${messageOf(thrown)}`, { cause: thrown, ...hint });
}

function hintFor(code: string | undefined, port: number): { hint?: string } {
  switch (code) {
    case 'EADDRINUSE':
      return {
        hint: `another process has it (\`ss -tanp sport = :${port}\` shows which): stop it, or change the port under listen`,
      };
    case 'EACCES':
      return { hint: 'ports below 1024 need CAP_NET_BIND_SERVICE (docs/operating.md)' };
    case 'EADDRNOTAVAIL':
      return { hint: 'this machine does not have that address, or not yet' };
    default:
      return {};
  }
}
