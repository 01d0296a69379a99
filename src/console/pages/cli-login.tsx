// Confirms that a command line is signed in as this person. They compare the code and see where it runs: whoever started one
// elsewhere and sent this link must not get a token.

import { Button } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import type { Me } from '../../api/contract.ts';
import { accountApi } from '../account-api.ts';
import { Facts } from '../parts/facts.tsx';
import { Mark } from '../parts/mark.tsx';
import { Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { Countdown } from '../parts/time.tsx';
import { visibleText } from '../visible.ts';

export default function CliLoginPage({ secret, me }: { readonly secret: string; readonly me: Me }) {
  const pending = useQuery({
    queryKey: ['cli-login', secret],
    queryFn: ({ signal }) => accountApi.cliLogin(secret, signal),
    staleTime: Infinity,
  });
  const sending = useMutation({
    mutationFn: (answer: 'confirm' | 'refuse') =>
      answer === 'confirm' ? accountApi.confirmCliLogin(secret, pending.data?.code ?? '') : accountApi.refuseCliLogin(secret),
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
                    : 'The command line was turned away. If you did not start it, tell whoever runs this gateway.'}
                </p>
                <Link href="/">Go to the console</Link>
              </>
            ) : pending.error !== null ? (
              <>
                <h1>This sign-in can’t be confirmed</h1>
                <ProblemNote error={pending.error} />
                <Link href="/">Go to the console</Link>
              </>
            ) : pending.data === undefined ? (
              <Loading />
            ) : (
              <>
                <h1>Is this your command line?</h1>
                <div>
                  <div className="sign-in-code" aria-label={`code ${pending.data.code}`}>
                    {pending.data.code}
                  </div>
                </div>
                <Facts
                  rows={[
                    ['Signs in as', <strong>{visibleText(me.display_name)}</strong>],
                    ['Says it runs on', visibleText(pending.data.machine === '' ? 'a machine without a name' : pending.data.machine)],
                    ['From', <span className="mono">{pending.data.client_address}</span>],
                    ['Time left', <Countdown until={pending.data.expires_at} />],
                  ]}
                />
                <Note tone="wait" icon={<IconAlertTriangle size={18} />}>
                  Confirm only if you ran “sallyport login” just now and it shows this very code. It can then do all that you can do.
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
