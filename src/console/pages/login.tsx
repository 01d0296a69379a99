// Signing in to the console: by a one-time link, whose secret stands behind "#" and so reaches no log, or by an access token.

import { Button, PasswordInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import type { LoginBody } from '../../api/contract.ts';
import { api } from '../api.ts';
import { Mark } from '../parts/mark.tsx';
import { ProblemNote } from '../parts/notes.tsx';
import { takeWayBack } from '../way-back.ts';

export default function LoginPage() {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [token, setToken] = useState('');
  const exchanged = useRef(false);
  const login = useMutation({
    mutationFn: (proof: LoginBody) => api.login(proof),
    onSuccess: () => {
      client.clear();
      go(takeWayBack(), { replace: true });
    },
  });
  const { mutate } = login;

  useEffect(() => {
    document.title = 'Sign in · Sallyport';
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

  return (
    <main className="alone">
      <div className="alone-box">
        <div className="alone-brand">
          <Mark size={28} /> Sallyport
        </div>
        <div className="panel">
          <form
            className="panel-body"
            onSubmit={(event) => {
              event.preventDefault();
              if (token.trim() !== '') login.mutate({ token: token.trim() });
            }}
          >
            <h1>Sign in</h1>
            {login.error === null ? null : <ProblemNote error={login.error} />}
            <PasswordInput
              label="Access token"
              description="Open the sign-in link you were given, or paste a token made with “sallyport token”."
              placeholder="sp_…"
              autoComplete="off"
              spellCheck={false}
              value={token}
              onChange={(event) => setToken(event.currentTarget.value)}
            />
            <Button type="submit" variant="primary" size="md" loading={login.isPending} disabled={token.trim() === ''}>
              Sign in
            </Button>
          </form>
        </div>
      </div>
    </main>
  );
}
