// Confirms a sign-in that a terminal waits for. The person compares the code and sees where the terminal is: whoever started
// it elsewhere and sent this link must not get in.

import { Button } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import type { Me } from '../../api/contract.ts';
import { api } from '../api.ts';
import { Facts } from '../parts/facts.tsx';
import { Mark } from '../parts/mark.tsx';
import { Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { Countdown } from '../parts/time.tsx';
import { visibleText } from '../visible.ts';

const clients: Readonly<Record<string, string>> = { postgres: 'psql', mysql: 'mysql', ssh: 'ssh' };

export default function SignInPage({ secret, me }: { readonly secret: string; readonly me: Me }) {
  const pending = useQuery({ queryKey: ['sign-in', secret], queryFn: ({ signal }) => api.signIn(secret, signal), staleTime: Infinity });
  const sending = useMutation({
    mutationFn: (answer: 'confirm' | 'refuse') =>
      answer === 'confirm' ? api.confirmSignIn(secret, pending.data?.code ?? '') : api.refuseSignIn(secret),
  });
  return (
    <main className="alone">
      <div className="alone-box">
        <div className="alone-brand">
          <Mark size={28} /> Sallyport
        </div>
        <div className="panel">
          <div className="panel-body">
            {sending.isSuccess ? (
              <>
                <h1>{sending.variables === 'confirm' ? 'Signed in' : 'Refused'}</h1>
                <p>
                  {sending.variables === 'confirm'
                    ? 'Go back to your terminal. This page can be closed.'
                    : 'The terminal was turned away. If you did not start it, tell whoever runs this gateway.'}
                </p>
                <Link href="/">Go to the console</Link>
              </>
            ) : pending.error !== null ? (
              <>
                <h1>This sign-in can’t be confirmed</h1>
                <ProblemNote error={pending.error} />
                <p className="dim">It may have run out, or it is for somebody other than {visibleText(me.display_name)}.</p>
                <Link href="/">Go to the console</Link>
              </>
            ) : pending.data === undefined ? (
              <Loading />
            ) : (
              <>
                <h1>Is this your terminal?</h1>
                <div>
                  <div className="sign-in-code" aria-label={`code ${pending.data.code}`}>
                    {pending.data.code}
                  </div>
                </div>
                <Facts
                  rows={[
                    ['Person', pending.data.name],
                    ['Target', <strong>{pending.data.target}</strong>],
                    ['Client', clients[pending.data.protocol] ?? pending.data.protocol],
                    ['From', <span className="mono">{pending.data.client_address}</span>],
                    ['Time left', <Countdown until={pending.data.expires_at} />],
                  ]}
                />
                <Note tone="wait" icon={<IconAlertTriangle size={18} />}>
                  Confirm only if you started it and your terminal shows this very code.
                </Note>
                {sending.error === null ? null : <ProblemNote error={sending.error} />}
                <div className="two-buttons">
                  <Button size="lg" disabled={sending.isPending} onClick={() => sending.mutate('refuse')}>
                    Not mine
                  </Button>
                  <Button size="lg" variant="primary" loading={sending.isPending} onClick={() => sending.mutate('confirm')}>
                    Confirm
                  </Button>
                </div>
              </>
            )}
          </div>
        </div>
      </div>
    </main>
  );
}
