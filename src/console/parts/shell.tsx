// The frame around every page: where one can go, how many holds wait, whether the live link is up, who is signed in.

import { Button, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import {
  IconAffiliate,
  IconDatabase,
  IconFileCheck,
  IconHandStop,
  IconKey,
  IconLogout,
  IconMoon,
  IconPlayerPlay,
  IconScript,
  IconSun,
  IconTicket,
  IconUserCheck,
  IconUserCircle,
  IconUsers,
  IconWebhook,
} from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import type { HoldView, Me } from '../../api/contract.ts';
import { accountApi } from '../account-api.ts';
import { usePendingRequests } from '../access-queries.ts';
import { forgetDrafts } from '../drafts.ts';
import { live } from '../live.ts';
import { notifyNewHold } from '../notifications.ts';
import { tellWaiting } from '../page-title.ts';
import { useLink, useLive, usePendingHolds } from '../queries.ts';
import { visibleText } from '../visible.ts';
import { plural } from '../words.ts';
import { GlassBanner } from './glass-banner.tsx';
import { Mark } from './mark.tsx';
import { Note } from './notes.tsx';

const places = [
  { path: '/', also: '/holds', name: 'Holds', Icon: IconHandStop },
  { path: '/access', also: '/access', name: 'Access', Icon: IconKey },
  { path: '/approvers', also: '/approvers', name: 'Approvers', Icon: IconUserCheck },
  { path: '/sessions', also: '/sessions', name: 'Sessions', Icon: IconPlayerPlay },
  { path: '/audit', also: '/audit', name: 'Audit', Icon: IconFileCheck },
  { path: '/targets', also: '/targets', name: 'Targets', Icon: IconDatabase },
  { path: '/agents', also: '/agents', name: 'Agents', Icon: IconAffiliate },
  { path: '/policies', also: '/policies', name: 'Policies', Icon: IconScript },
  { path: '/people', also: '/people', name: 'People', Icon: IconUsers },
  { path: '/tokens', also: '/tokens', name: 'Tokens', Icon: IconTicket },
  { path: '/deliveries', also: '/deliveries', name: 'Channels', Icon: IconWebhook },
] as const;

/** Pages of operators and auditors: what they ask, the API refuses others. */
const forStaff: ReadonlySet<string> = new Set(['/agents', '/people', '/deliveries']);
/** For those who approve as well. */
const forApprovers: ReadonlySet<string> = new Set(['/approvers']);

export function Shell({ me, children }: { readonly me: Me; readonly children: ReactNode }) {
  const [heard, setHeard] = useState<HoldView | null>(null);
  const pending = usePendingHolds().data?.items.length ?? 0;
  const onNew = useCallback((hold: HoldView) => {
    setHeard(hold);
    notifyNewHold(hold);
  }, []);
  useLive(onNew);
  useEffect(() => tellWaiting(pending), [pending]);
  useTopOfNewPages();
  const main = useRef<HTMLElement>(null);

  return (
    <div className="shell">
      <a
        href="#main"
        className="skip"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip the menu
      </a>
      <header className="shell-top">
        <Brand />
        <LinkLight />
        <Tools />
      </header>
      <aside className="shell-side">
        <Brand />
        <Navigation pending={pending} me={me} />
        <div className="shell-foot">
          <LinkLight />
          <div className="shell-person">
            <div>
              <strong>{visibleText(me.display_name)}</strong>
              <small>{me.groups.length === 0 ? me.name : `${me.name} · ${me.groups.join(', ')}`}</small>
            </div>
          </div>
          <Tools />
        </div>
      </aside>
      <main id="main" ref={main} tabIndex={-1}>
        <LinkBanner />
        <GlassBanner />
        <p className="unseen" aria-live="polite">
          {/* An element of its own for each: the same words as before would not be said again. */}
          {heard === null ? null : <span key={heard.id}>{newHoldWords(heard)}</span>}
        </p>
        {children}
      </main>
    </div>
  );
}

function newHoldWords(hold: HoldView): string {
  return `New hold: ${visibleText(hold.principal_name)} on ${hold.target}. ${hold.rule_title}`;
}

/** Another page is read from its top; going back leads to where one was, which the browser knows. */
function useTopOfNewPages(): void {
  useEffect(() => {
    let path = location.pathname;
    // The router tells of each step forward by an event of this name.
    const toTop = (): void => {
      if (location.pathname !== path) window.scrollTo(0, 0);
      path = location.pathname;
    };
    const note = (): void => {
      path = location.pathname;
    };
    window.addEventListener('pushState', toTop);
    window.addEventListener('popstate', note);
    return () => {
      window.removeEventListener('pushState', toTop);
      window.removeEventListener('popstate', note);
    };
  }, []);
}

function Brand() {
  return (
    <Link href="/" className="shell-brand">
      <Mark /> Sallyport
    </Link>
  );
}

function Navigation({ pending, me }: { readonly pending: number; readonly me: Me }) {
  const wanted = (usePendingRequests().data?.items ?? []).filter((request) => request.can_answer).length;
  const [path] = useLocation();
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the bar is wider than the screen: where one is has to be in sight.
    const here = bar.current?.querySelector<HTMLElement>('[aria-current]') ?? null;
    if (bar.current === null || here === null) return;
    bar.current.scrollLeft = here.offsetLeft - (bar.current.clientWidth - here.offsetWidth) / 2;
  }, [path]);
  return (
    <nav className="shell-nav" aria-label="Main" ref={bar}>
      {places
        .filter(({ path }) => isStaff(me) || !(forStaff.has(path) || (forApprovers.has(path) && !me.rights.includes('approve'))))
        .map(({ path: to, also, name, Icon }) => {
          const here = path === to || path === also || path.startsWith(`${also}/`);
          return (
            <Link key={to} href={to} aria-current={here ? 'page' : undefined}>
              <Icon size={18} stroke={1.7} aria-hidden />
              {name}
              {to === '/' && pending > 0 ? (
                <span className="shell-count" aria-label={`${plural(pending, 'hold')} waiting`}>
                  {pending > 99 ? '99+' : pending}
                </span>
              ) : null}
              {to === '/access' && wanted > 0 ? (
                <span className="shell-count" aria-label={`${plural(wanted, 'request')} for you to answer`}>
                  {wanted > 99 ? '99+' : wanted}
                </span>
              ) : null}
            </Link>
          );
        })}
    </nav>
  );
}

function isStaff({ rights }: Me): boolean {
  return rights.includes('operate') || rights.includes('audit');
}

function LinkLight() {
  const state = useLink();
  const words = state === 'up' ? 'Live' : state === 'down' ? 'Reconnecting' : 'Connecting';
  return (
    <span className="shell-link" data-state={state}>
      {words}
    </span>
  );
}

function LinkBanner() {
  const state = useLink();
  if (state !== 'down') return null;
  return (
    <div className="shell-down" role="status">
      <Note
        tone="wait"
        end={
          <Button
            size="compact-sm"
            onClick={() => {
              live.stop();
              live.start();
            }}
          >
            Reconnect
          </Button>
        }
      >
        The live link is down; trying again. What you see is refreshed every few seconds meanwhile, and answers still count.
      </Note>
    </div>
  );
}

function Tools() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const client = useQueryClient();
  const [, go] = useLocation();
  const logout = async (): Promise<void> => {
    const out = await accountApi.signOut().catch(() => null);
    client.clear();
    forgetDrafts();
    // Signing out of the sign-in service too: else its next button signs in without a question.
    if (out !== null && out.url !== null) location.assign(out.url);
    else go('/login');
  };
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <div className="shell-tools">
      <button
        type="button"
        className="icon-button"
        aria-label={`Use ${other} colours`}
        title={`Use ${other} colours`}
        onClick={() => setColorScheme(other)}
      >
        {scheme === 'dark' ? <IconSun size={18} stroke={1.7} /> : <IconMoon size={18} stroke={1.7} />}
      </button>
      <Link href="/account" className="icon-button" aria-label="Account" title="Account">
        <IconUserCircle size={18} stroke={1.7} />
      </Link>
      <button type="button" className="icon-button" aria-label="Sign out" title="Sign out" onClick={() => void logout()}>
        <IconLogout size={18} stroke={1.7} />
      </button>
    </div>
  );
}
