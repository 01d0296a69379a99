// The questions that pages ask, as hooks: one key for each, so that live messages know what to change. Polling is the second
// line: it runs only while the live link is down.

import { MutationCache, QueryCache, QueryClient, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import type { HoldState, HoldView, LiveMessage, Page, SessionView } from '../api/contract.ts';
import { api, ApiProblem } from './api.ts';
import type { AuditFilters, SessionFilters } from './api.ts';
import { serverNowMs, setServerTime } from './clock.ts';
import { newerHold, withHold, withSession } from './live-cache.ts';
import { live } from './live.ts';
import type { LinkState } from './live.ts';

const pollWhenDownMs = 10_000;
const pollAgentsMs = 3_000;
const pendingPartHolds = 200;

export const keys = {
  me: ['me'] as const,
  pending: ['holds', 'pending'] as const,
  history: ['holds', 'history'] as const,
  hold: (holdId: string) => ['hold', holdId] as const,
  sessions: ['sessions'] as const,
  sessionList: (filters: SessionFilters) => ['sessions', filters] as const,
  session: (sessionId: string) => ['session', sessionId] as const,
};

/** One client for the page. A refusal (4xx) is an answer and is not asked again. */
export function createQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: (error, { queryKey }) => (queryKey[0] === keys.me[0] ? undefined : signedOut(error)) }),
    mutationCache: new MutationCache({ onError: (error) => signedOut(error) }),
    defaultOptions: {
      // Without a network an answer fails at once and in words. By default it would be kept, and sent whenever the network is back.
      mutations: { networkMode: 'always' },
      queries: {
        networkMode: 'always',
        staleTime: 5_000,
        retry: (failures, error) => failures < 2 && !(error instanceof ApiProblem && error.status >= 400 && error.status < 500),
      },
    },
  });
  /** A sign-in that ran out is noticed by whatever asks first; who one is decides which page is shown. */
  const signedOut = (error: Error): void => {
    if (error instanceof ApiProblem && error.status === 401) void client.invalidateQueries({ queryKey: keys.me });
  };
  return client;
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
    queryFn: ({ signal }) => allPending(signal),
    refetchInterval: usePollMs(),
  });
}

/** All of them, in as many parts as it takes: lists come newest first, and the oldest ones are the most urgent. */
async function allPending(signal: AbortSignal): Promise<Page<HoldView>> {
  const items: HoldView[] = [];
  let cursor: string | null = null;
  do {
    const part: Page<HoldView> = await api.holds({ state: 'pending', cursor, limit: pendingPartHolds }, signal);
    items.push(...part.items);
    cursor = part.next;
  } while (cursor !== null);
  return { items, next: null };
}

export function useHoldHistory(state: Exclude<HoldState, 'pending'> | null, text: string) {
  return useInfiniteQuery({
    queryKey: [...keys.history, state, text],
    queryFn: ({ pageParam, signal }) => api.holds({ state: state ?? undefined, text, cursor: pageParam, limit: 50 }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

const minuteMs = 60_000;

/** When to ask again what came of an approved hold: soon, later less often, at last not any more. Nobody tells when it has run. */
function outcomePollMs({ state, outcome, settled_at: settledAt }: HoldView, nowMs: number): number | false {
  if (state !== 'approved' || outcome !== undefined || settledAt === null) return false;
  const sinceMs = nowMs - Date.parse(settledAt);
  if (sinceMs < minuteMs) return 2_000;
  return sinceMs < 180 * minuteMs ? 15_000 : false;
}

export function useHold(holdId: string) {
  const pollMs = usePollMs();
  return useQuery({
    queryKey: keys.hold(holdId),
    queryFn: ({ signal }) => api.hold(holdId, signal),
    refetchInterval: ({ state: { data } }) => (data === undefined ? pollMs : outcomePollMs(data, serverNowMs()) || pollMs),
  });
}

/**
 * The gateway looks at so much for each part; what is sought may stand behind that. Asks for the next part while `wanted`, and is true
 * for as long; not after an error, or a gateway that refuses would be asked without end.
 */
export function useSeeking(list: Parts, wanted: boolean): boolean {
  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = list;
  const goesOn = hasNextPage && wanted && !isFetchNextPageError;
  useEffect(() => {
    if (goesOn && !isFetchingNextPage) void fetchNextPage();
  }, [goesOn, isFetchingNextPage, fetchNextPage]);
  return goesOn;
}
type Parts = Pick<UseInfiniteQueryResult, 'hasNextPage' | 'isFetchingNextPage' | 'isFetchNextPageError' | 'fetchNextPage'>;

/** Newest first, in parts. */
export function useSessions(filters: SessionFilters) {
  return useInfiniteQuery({
    queryKey: keys.sessionList(filters),
    queryFn: ({ pageParam, signal }) => api.sessions(filters, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: usePollMs(),
  });
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
  // Fewer yeses than before: an older message, or somebody took theirs back. Only the gateway can tell.
  if (hold !== heard && hold.state === 'pending') {
    void client.invalidateQueries({ queryKey: keys.hold(heard.id) });
    void client.invalidateQueries({ queryKey: keys.pending });
  }
  client.setQueryData(keys.hold(hold.id), hold);
  client.setQueryData<Page<HoldView>>(keys.pending, (page) => withHold(page, hold));
  if (hold.state !== 'pending') void client.invalidateQueries({ queryKey: keys.history });
}

/** A list that is left open for days begins anew now and then, from what the gateway gives. */
const newSessionsMax = 300;

function rememberSession(client: QueryClient, session: SessionView): void {
  for (const [queryKey, list] of client.getQueriesData<InfiniteData<Page<SessionView>>>({ queryKey: keys.sessions })) {
    const [, filters] = queryKey as ReturnType<typeof keys.sessionList>;
    if (list === undefined) continue;
    const pages = withSession(list.pages, session, filters);
    client.setQueryData(queryKey, { ...list, pages });
    if ((pages[0]?.items.length ?? 0) > newSessionsMax) void client.invalidateQueries({ queryKey, exact: true }, { cancelRefetch: false });
  }
}

/** What live messages change: the first words of their keys. */
const heardLive: ReadonlySet<unknown> = new Set([keys.pending[0], keys.hold('')[0], keys.sessions[0], keys.session('')[0], 'access']);

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
          // Whatever happened while the link was down was not heard: ask again for everything shown. The first time that is
          // what came between the first answers and this link: a hold would stay unseen until the next look at the page.
          void client.invalidateQueries(greeted ? {} : { predicate: ({ queryKey: [about] }) => heardLive.has(about) });
          greeted = true;
          return;
        case 'hold': {
          const known = client.getQueryData<Page<HoldView>>(keys.pending)?.items.some((item) => item.id === message.hold.id);
          rememberHold(client, message.hold);
          if (known === false && message.hold.state === 'pending') onNew(message.hold);
          return;
        }
        case 'beat':
          setServerTime(message.server_time);
          return;
        case 'access':
          void client.invalidateQueries({ queryKey: ['access'] });
          return;
        case 'session':
          rememberSession(client, message.session);
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
