// Signing in to the console: by a one-time link, whose secret stands behind "#" and so reaches no log; by a sign-in service, a
// passkey, name and password, or an access token.

import { Button, PasswordInput, TextInput } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import type { LoginBody } from '../../api/contract.ts';
import { accountApi } from '../account-api.ts';
import { api, ApiProblem } from '../api.ts';
import { hasPasskeys, signWithPasskey } from '../passkey.ts';
import { Alone, AlonePanel } from '../parts/alone.tsx';
import { tellWaiting } from '../page-title.ts';
import { Heading } from '../parts/heading.tsx';
import { Note, ProblemNote } from '../parts/notes.tsx';
import { visibleText } from '../visible.ts';
import { lookWayBack, takeWayBack } from '../way-back.ts';

export default function LoginPage() {
  const client = useQueryClient();
  const [, go] = useLocation();
  const exchanged = useRef(false);
  const [problem] = useState(takeProblem);
  const methods = useQuery({ queryKey: ['sign-in-methods'], queryFn: ({ signal }) => accountApi.methods(signal), staleTime: 60_000 });
  const enter = () => {
    client.clear();
    go(takeWayBack(), { replace: true });
  };
  const login = useMutation({ mutationFn: (proof: LoginBody) => api.login(proof), onSuccess: enter });
  const passkey = useMutation({
    mutationFn: async () => accountApi.loginByPasskey(await signWithPasskey(await accountApi.passkeyLoginOptions())),
    onSuccess: enter,
  });
  const { mutate } = login;

  useEffect(() => {
    tellWaiting(0);
    const exchange = (): void => {
      const secret = decodeURIComponent(location.hash.slice(1));
      if (secret === '' || exchanged.current) return;
      exchanged.current = true;
      // Out of the address bar and the history before anything else happens.
      history.replaceState(null, '', '/login');
      mutate({ secret });
    };
    exchange();
    const again = (): void => {
      exchanged.current = false;
      exchange();
    };
    window.addEventListener('hashchange', again);
    return () => window.removeEventListener('hashchange', again);
  }, [mutate]);

  const offered = methods.data;
  return (
    <Alone>
      <AlonePanel className="login">
        <Heading>Sign in</Heading>
        {problem === null ? null : <Note tone="bad">{visibleText(problem)}</Note>}
        {login.error === null ? null : <ProblemNote error={login.error} />}
        {passkey.error === null ? null : <ProblemNote error={passkey.error} />}
        {(offered?.oidc ?? []).map(({ name, display_name: words }) => (
          <Button
            key={name}
            component="a"
            variant="primary"
            size="md"
            href={`/api/v1/oidc/${name}/start?to=${encodeURIComponent(lookWayBack())}`}
          >
            Continue with {visibleText(words)}
          </Button>
        ))}
        {hasPasskeys ? (
          <Button size="md" leftSection={<IconKey size={17} />} loading={passkey.isPending} onClick={() => passkey.mutate()}>
            Sign in with a passkey
          </Button>
        ) : null}
        {offered?.passwords === true ? <PasswordForm onEntered={enter} /> : null}
        <TokenForm pending={login.isPending} onToken={(token) => login.mutate({ token })} />
        <p className="dim">Or open the sign-in link that you were given.</p>
      </AlonePanel>
    </Alone>
  );
}

function PasswordForm({ onEntered }: { readonly onEntered: () => void }) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [asksCode, setAsksCode] = useState(false);
  const sending = useMutation({
    mutationFn: () => accountApi.loginByPassword(name.trim(), password, asksCode ? code.trim() : undefined),
    onSuccess: onEntered,
    onError: (error) => {
      if (error instanceof ApiProblem && error.code === 'code-needed') setAsksCode(true);
    },
  });
  const isAsked = sending.error instanceof ApiProblem && sending.error.code === 'code-needed';
  return (
    <form
      className="login-form"
      onSubmit={(event) => {
        event.preventDefault();
        sending.mutate();
      }}
    >
      {sending.error === null || isAsked ? null : <ProblemNote error={sending.error} />}
      <TextInput label="Name" autoComplete="username" value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <PasswordInput
        label="Password"
        autoComplete="current-password"
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      {asksCode ? (
        <TextInput
          label="Code of your authenticator app"
          autoComplete="one-time-code"
          inputMode="numeric"
          autoFocus
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
      ) : null}
      <Button type="submit" size="md" loading={sending.isPending} disabled={name.trim() === '' || password === ''}>
        Sign in
      </Button>
    </form>
  );
}

function TokenForm({ pending, onToken }: { readonly pending: boolean; readonly onToken: (token: string) => void }) {
  const [token, setToken] = useState('');
  return (
    <form
      className="login-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim() !== '') onToken(token.trim());
      }}
    >
      <PasswordInput
        label="Access token"
        description="Made with “sallyport token”."
        placeholder="sp_…"
        autoComplete="off"
        spellCheck={false}
        value={token}
        onChange={(event) => setToken(event.currentTarget.value)}
      />
      <Button type="submit" size="md" loading={pending} disabled={token.trim() === ''}>
        Sign in with the token
      </Button>
    </form>
  );
}

/** Why a sign-in service's answer was not taken; the gateway leaves it in a cookie of this page, read once. */
function takeProblem(): string | null {
  const found = /(?:^|; )sallyport-problem=([^;]*)/.exec(document.cookie)?.[1];
  if (found === undefined) return null;
  document.cookie = 'sallyport-problem=; path=/login; max-age=0';
  try {
    return decodeURIComponent(found);
  } catch {
    return null;
  }
}
