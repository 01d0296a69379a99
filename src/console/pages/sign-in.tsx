// Confirms a sign-in to a target that a terminal waits for.

import type { Me } from '../../api/contract.ts';
import { api } from '../api.ts';
import { ConfirmSignIn } from '../parts/confirm-sign-in.tsx';
import { visibleText } from '../visible.ts';

const clients: Readonly<Record<string, string>> = { postgres: 'psql', mysql: 'mysql', ssh: 'ssh' };

export default function SignInPage({ secret, me }: { readonly secret: string; readonly me: Me }) {
  return (
    <ConfirmSignIn
      queryKey={['sign-in', secret]}
      look={(signal) => api.signIn(secret, signal)}
      confirm={(code) => api.confirmSignIn(secret, code)}
      refuse={() => api.refuseSignIn(secret)}
      what="terminal"
      facts={({ name, target, protocol }) => [
        ['Person', name],
        ['Target', <strong>{target}</strong>],
        ['Client', clients[protocol] ?? protocol],
      ]}
      warning="Confirm only if you started it and your terminal shows this very code."
      hint={`It may have run out, or it is for somebody other than ${visibleText(me.display_name)}.`}
    />
  );
}
