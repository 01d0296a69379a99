// Calls and questions about shapes that are approved for a while.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import type { AnswerBody, HoldShapeView, HoldView, Page, ShapeView } from '../api/contract.ts';
import { request } from './api.ts';

const pollMs = 10_000;
const id = encodeURIComponent;

export const shapeApi = {
  approve: (holdId: string, body: AnswerBody) => request<HoldView>('POST', `/holds/${id(holdId)}/approve`, body),
  revoke: (shapeId: string, reason: string) => request<ShapeView>('POST', `/shapes/${id(shapeId)}/revoke`, reason === '' ? {} : { reason }),
};

export function useHoldShape(holdId: string) {
  return useQuery({
    queryKey: ['shapes', 'hold', holdId],
    queryFn: ({ signal }) => request<HoldShapeView>('GET', `/holds/${id(holdId)}/shape`, undefined, signal),
    refetchInterval: pollMs,
  });
}

export function useActiveShapes() {
  return useQuery({
    queryKey: ['shapes', 'active'],
    queryFn: ({ signal }) => request<Page<ShapeView>>('GET', '/shapes?state=active&limit=200', undefined, signal),
    refetchInterval: pollMs,
  });
}

/** After a step of one's own. */
export function useShapesChanged(): () => void {
  const client = useQueryClient();
  return useCallback(() => void client.invalidateQueries({ queryKey: ['shapes'] }), [client]);
}
