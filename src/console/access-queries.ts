// The questions of the access pages. Live messages say that something changed; all of these are asked again then.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { api } from './api.ts';

const pollMs = 10_000;

export function usePendingRequests() {
  return useQuery({
    queryKey: ['access', 'requests', 'pending'],
    queryFn: ({ signal }) => api.accessRequests({ state: 'pending', limit: 200 }, signal),
    refetchInterval: pollMs,
  });
}

/** The newest of all states. */
export function useRequestHistory() {
  return useQuery({ queryKey: ['access', 'requests', 'all'], queryFn: ({ signal }) => api.accessRequests({ limit: 50 }, signal) });
}

export function useActiveGrants() {
  return useQuery({
    queryKey: ['access', 'grants', 'active'],
    queryFn: ({ signal }) => api.grants({ state: 'active', limit: 200 }, signal),
    refetchInterval: pollMs,
  });
}

export function useGrantsToReview() {
  return useQuery({
    queryKey: ['access', 'grants', 'review'],
    queryFn: ({ signal }) => api.grants({ state: 'ended', review: 'open', limit: 200 }, signal),
    refetchInterval: pollMs,
  });
}

export function useAccessRequest(id: string) {
  return useQuery({
    queryKey: ['access', 'request', id],
    queryFn: ({ signal }) => api.accessRequest(id, signal),
    refetchInterval: pollMs,
  });
}

/** Asks nothing while there is no grant. */
export function useGrant(id: string | null) {
  return useQuery({
    queryKey: ['access', 'grant', id],
    queryFn: ({ signal }) => api.grant(id ?? '', signal),
    enabled: id !== null,
    refetchInterval: pollMs,
  });
}

/** After a step of one's own. */
export function useAccessChanged(): () => void {
  const client = useQueryClient();
  return useCallback(() => void client.invalidateQueries({ queryKey: ['access'] }), [client]);
}
