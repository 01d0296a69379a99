// The questions that pages ask, as hooks: one key for each, so that live messages know what to change. Polling is the second
// line: it runs only while the live link is down.

import { QueryClient, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import type { HoldState, HoldView, LiveMessage, Page, SessionView } from '../api/contract.ts';
import { api, ApiProblem } from './api.ts';
import type { AuditFilters } from './api.ts';
import { serverNowMs, setServerTime } from './clock.ts';
import { newerHold, withHold, withSession } from './live-cache.ts';
import { live } from './live.ts';
import type { LinkState } from './live.ts';

const pollWhenDownMs = 10_000;
const pollAgentsMs = 3_000;

export const keys = {
  me: ['me'] as const,
  pending: ['holds', 'pending'] as const,
  history: ['holds', 'history'] as const,
  hold: (holdId: string) => ['hold', holdId] as const,
  sessions: ['sessions'] as const,
  session: (sessionId: string) => ['session', sessionId] as const,
};

/** One client for the page. A refusal (4xx) is an answer and is not asked again. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (failures, error) => failures < 2 && !(error instanceof ApiProblem && error.status >= 400 && error.status < 500),
      },
    },
  });
}

export function useLink(): LinkState {
  return useSyncExternalStore(live.subscribe, live.state);
}

function usePollMs(): number | false {
  return useLink() === 'up' ? false : pollWhenDownMs;
}

export function useMe() {
  return useQuery({ queryKey: keys.me, queryFn: ({ signal }) => api.me(signal), staleTime: 60_000 });
}

export function usePendingHolds() {
  return useQuery({
    queryKey: keys.pending,
    queryFn: ({ signal }) => api.holds({ state: 'pending', limit: 200 }, signal),
    refetchInterval: usePollMs(),
  });
}

export function useHoldHistory(state: Exclude<HoldState, 'pending'> | null) {
  return useInfiniteQuery({
    queryKey: [...keys.history, state],
    queryFn: ({ pageParam, signal }) => api.holds({ state: state ?? undefined, cursor: pageParam, limit: 50 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

const outcomePollMs = 2_000;
const outcomeWaitMs = 60_000;

function mayStillRun({ state, outcome, settled_at: settledAt }: HoldView): boolean {
  return state === 'approved' && outcome === undefined && settledAt !== null && serverNowMs() - Date.parse(settledAt) < outcomeWaitMs;
}

export function useHold(holdId: string) {
  const pollMs = usePollMs();
  return useQuery({
    queryKey: keys.hold(holdId),
    queryFn: ({ signal }) => api.hold(holdId, signal),
    // Nobody tells when the approved statement has run: it is asked for, for a while.
    refetchInterval: ({ state: { data } }) => (data !== undefined && mayStillRun(data) ? outcomePollMs : pollMs),
  });
}

export function useSessions() {
  return useQuery({ queryKey: keys.sessions, queryFn: ({ signal }) => api.sessions(null, signal), refetchInterval: usePollMs() });
}

export function useSession(sessionId: string) {
  return useQuery({
    queryKey: keys.session(sessionId),
    queryFn: ({ signal }) => api.session(sessionId, signal),
    refetchInterval: usePollMs(),
  });
}

export function useAudit(filters: AuditFilters) {
  return useInfiniteQuery({
    queryKey: ['audit', filters],
    queryFn: ({ pageParam, signal }) => api.audit(filters, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

/** Figures of links change all the time, and no live message says so. */
export function useAgents() {
  return useQuery({ queryKey: ['agents'], queryFn: ({ signal }) => api.agents(signal), refetchInterval: pollAgentsMs });
}

export function useTargets() {
  return useQuery({ queryKey: ['targets'], queryFn: ({ signal }) => api.targets(signal) });
}

export function usePolicies() {
  return useQuery({ queryKey: ['policies'], queryFn: ({ signal }) => api.policies(signal), refetchInterval: 15_000 });
}

/** Puts a hold that the gateway sent (live, or as the answer to a click) everywhere it is shown. */
export function rememberHold(client: QueryClient, heard: HoldView): void {
  const known = client.getQueryData<HoldView>(keys.hold(heard.id));
  const hold = newerHold(known, heard);
  client.setQueryData(keys.hold(hold.id), hold);
  client.setQueryData<Page<HoldView>>(keys.pending, (page) => withHold(page, hold));
  if (hold.state !== 'pending') void client.invalidateQueries({ queryKey: keys.history });
}

/** Keeps the live link for as long as the component is shown and feeds the cache; `onNew` hears of holds not seen before. */
export function useLive(onNew: (hold: HoldView) => void): void {
  const client = useQueryClient();
  useEffect(() => {
    let greeted = false;
    const receive = (message: LiveMessage): void => {
      switch (message.kind) {
        case 'hello':
          setServerTime(message.server_time);
          client.setQueryData(keys.me, message.me);
          // Whatever happened while the link was down was not heard: ask again for everything shown.
          if (greeted) void client.invalidateQueries();
          greeted = true;
          return;
        case 'hold': {
          const known = client.getQueryData<Page<HoldView>>(keys.pending)?.items.some((item) => item.id === message.hold.id);
          rememberHold(client, message.hold);
          if (known === false && message.hold.state === 'pending') onNew(message.hold);
          return;
        }
        case 'access':
          void client.invalidateQueries({ queryKey: ['access'] });
          return;
        case 'session':
          client.setQueryData<Page<SessionView>>(keys.sessions, (page) => withSession(page, message.session));
          client.setQueryData<SessionView>(keys.session(message.session.id), (known) =>
            known === undefined ? undefined : message.session,
          );
          return;
        default:
          // A newer gateway may say more than this page knows.
          message satisfies never;
      }
    };
    const stop = live.onMessage(receive);
    const stopWatching = live.subscribe(() => {
      // A link that was refused may mean that the session is over; asking who we are tells.
      if (live.state() === 'down') void client.invalidateQueries({ queryKey: keys.me });
    });
    live.start();
    return () => {
      stop();
      stopWatching();
      live.stop();
    };
  }, [client, onNew]);
}
