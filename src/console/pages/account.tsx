// One's own account: passkeys, authenticator app, password. Whoever has a second factor shows it before changing any.

import { Button, PasswordInput, TextInput } from '@mantine/core';
import { IconDeviceMobile, IconKey } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { AccountView, Me, TotpSetup } from '../../api/contract.ts';
import { accountApi } from '../account-api.ts';
import { hasPasskeys, newPasskey, signWithPasskey } from '../passkey.ts';
import { ConfirmButton } from '../parts/confirm.tsx';
import { CopyLine } from '../parts/copy.tsx';
import { Heading } from '../parts/heading.tsx';
import { Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { PushPanel } from '../parts/push-panel.tsx';
import { Ago } from '../parts/time.tsx';
import { visibleText } from '../visible.ts';

const accountKey = ['account'] as const;

export default function AccountPage({ me }: { readonly me: Me }) {
  const account = useQuery({ queryKey: accountKey, queryFn: ({ signal }) => accountApi.account(signal) });
  return (
    <div className="page account-page">
      <Heading>Account</Heading>
      <p className="dim">
        {visibleText(me.display_name)} ({me.name}), {me.groups.length === 0 ? 'in no group' : `in ${me.groups.join(', ')}`}
      </p>
      {account.data === undefined ? (
        account.error === null ? (
          <Loading />
        ) : (
          <ProblemNote error={account.error} onRetry={() => void account.refetch()} />
        )
      ) : (
        <>
          <ProvePanel account={account.data} />
          <PasskeysPanel account={account.data} />
          <TotpPanel account={account.data} />
          {account.data.passwords ? <PasswordPanel account={account.data} /> : null}
          <PushPanel />
        </>
      )}
    </div>
  );
}

function Panel({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section className="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      <div className="panel-body login">{children}</div>
    </section>
  );
}

/** A change of one's account: the page shows what the gateway says it is now. */
function useChange<T>(change: (input: T) => Promise<unknown>, onDone?: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: accountKey });
      onDone?.();
    },
  });
}

function ProvePanel({ account }: { readonly account: AccountView }) {
  const [code, setCode] = useState('');
  const prove = useChange(
    async (by: 'passkey' | 'totp') =>
      accountApi.prove(by === 'totp' ? { totp: code.trim() } : { passkey: await signWithPasskey(await accountApi.proveOptions()) }),
    () => setCode(''),
  );
  if (account.passkeys.length === 0 && !account.totp) {
    return (
      <Note tone="info">
        You have no second factor yet. Rules may ask for one when you approve: register a passkey, or an authenticator app.
      </Note>
    );
  }
  return (
    <Panel title="Prove that it is you">
      <p className="dim">
        Needed before second factors are changed or a first password is set here, and by some rules before you may do something.{' '}
        {account.second_factor_at === null ? 'Not proved yet.' : 'Last proved '}
        {account.second_factor_at === null ? null : <Ago at={account.second_factor_at} />}
      </p>
      {prove.error === null ? null : <ProblemNote error={prove.error} />}
      {prove.isSuccess ? <Note tone="ok">Proved. You can change them for ten minutes.</Note> : null}
      {account.passkeys.length > 0 && hasPasskeys ? (
        <Button leftSection={<IconKey size={16} />} loading={prove.isPending} onClick={() => prove.mutate('passkey')}>
          Use a passkey
        </Button>
      ) : null}
      {account.totp ? (
        <form
          className="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            prove.mutate('totp');
          }}
        >
          <TextInput
            label="Code of your authenticator app"
            inputMode="numeric"
            autoComplete="one-time-code"
            value={code}
            onChange={(event) => setCode(event.currentTarget.value)}
          />
          <Button type="submit" disabled={code.trim() === ''} loading={prove.isPending}>
            Prove
          </Button>
        </form>
      ) : null}
    </Panel>
  );
}

function PasskeysPanel({ account }: { readonly account: AccountView }) {
  const [name, setName] = useState('');
  const add = useChange(
    async () => {
      const answer = await newPasskey(await accountApi.newPasskeyOptions());
      return accountApi.addPasskey(name.trim() === '' ? 'passkey' : name.trim(), answer);
    },
    () => setName(''),
  );
  const client = useQueryClient();
  return (
    <Panel title="Passkeys">
      <p className="dim">They sign you in, and sign approvals where a rule asks for it: the signature is over exactly that action.</p>
      {account.passkeys.map((passkey) => (
        <div key={passkey.id} className="account-row">
          <IconKey size={17} aria-hidden />
          <span>
            <b>{visibleText(passkey.name)}</b>{' '}
            <span className="dim">
              for {passkey.host}, registered <Ago at={passkey.created_at} />
            </span>
          </span>
          <ConfirmButton
            label="Remove"
            title={`Remove the passkey “${passkey.name}”?`}
            act={() => accountApi.removePasskey(passkey.id)}
            onDone={() => void client.invalidateQueries({ queryKey: accountKey })}
          >
            It signs you in no more, and no approvals. What it has signed stays valid.
          </ConfirmButton>
        </div>
      ))}
      {add.error === null ? null : <ProblemNote error={add.error} />}
      {hasPasskeys ? (
        <form
          className="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            add.mutate(undefined);
          }}
        >
          <TextInput
            label="Name of the new passkey"
            placeholder="laptop"
            maxLength={100}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button type="submit" loading={add.isPending}>
            Add a passkey
          </Button>
        </form>
      ) : (
        <Note tone="info">This browser, or this page without HTTPS, has no passkeys.</Note>
      )}
    </Panel>
  );
}

function TotpPanel({ account }: { readonly account: AccountView }) {
  const [setup, setSetup] = useState<TotpSetup | null>(null);
  const [code, setCode] = useState('');
  const begin = useMutation({ mutationFn: () => accountApi.newTotp(), onSuccess: setSetup });
  const confirm = useChange(
    () => accountApi.confirmTotp(code.trim()),
    () => {
      setSetup(null);
      setCode('');
    },
  );
  const client = useQueryClient();
  const error = begin.error ?? confirm.error;
  return (
    <Panel title="Authenticator app">
      {error === null ? null : <ProblemNote error={error} />}
      {account.totp_locked ? <Note tone="bad">Locked after too many wrong codes. An operator can reset it.</Note> : null}
      {account.totp ? (
        <div className="account-row">
          <IconDeviceMobile size={17} aria-hidden />
          <span>An app is registered.</span>
          <ConfirmButton
            label="Remove"
            title="Remove the authenticator app?"
            act={() => accountApi.removeTotp()}
            onDone={() => void client.invalidateQueries({ queryKey: accountKey })}
          >
            Its codes count no more. To use one again you register it anew.
          </ConfirmButton>
        </div>
      ) : setup === null ? (
        <Button loading={begin.isPending} onClick={() => begin.mutate()}>
          Register an app
        </Button>
      ) : (
        <>
          <p>
            Type this key into your app, or <a href={setup.url}>open it in the app</a> on this device. It is shown once.
          </p>
          <CopyLine text={setup.secret} label="Copy the key" />
          <form
            className="inline-form"
            onSubmit={(event) => {
              event.preventDefault();
              confirm.mutate(undefined);
            }}
          >
            <TextInput
              label="Code that the app shows"
              inputMode="numeric"
              autoComplete="one-time-code"
              value={code}
              onChange={(event) => setCode(event.currentTarget.value)}
            />
            <Button type="submit" loading={confirm.isPending} disabled={code.trim() === ''}>
              Confirm
            </Button>
          </form>
        </>
      )}
    </Panel>
  );
}

function PasswordPanel({ account }: { readonly account: AccountView }) {
  const [old, setOld] = useState('');
  const [password, setPassword] = useState('');
  const change = useChange(
    () => accountApi.changePassword(old, password),
    () => {
      setOld('');
      setPassword('');
    },
  );
  return (
    <Panel title="Password">
      <p className="dim">For this console only; psql, mysql and ssh take access tokens. 12 characters or more.</p>
      {change.error === null ? null : <ProblemNote error={change.error} />}
      {change.isSuccess ? <Note tone="ok">Your password is changed.</Note> : null}
      <form
        className="login-form"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate(undefined);
        }}
      >
        {account.has_password ? (
          <PasswordInput
            label="Present password"
            autoComplete="current-password"
            value={old}
            onChange={(event) => setOld(event.currentTarget.value)}
          />
        ) : null}
        <PasswordInput
          label="New password"
          autoComplete="new-password"
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" loading={change.isPending} disabled={password === ''}>
          {account.has_password ? 'Change the password' : 'Set a password'}
        </Button>
      </form>
    </Panel>
  );
}
