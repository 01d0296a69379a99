// Calls about one hold besides yes and no.

import type { HoldView, PreviewView } from '../api/contract.ts';
import { request } from './api.ts';

const id = encodeURIComponent;

export const holdApi = {
  preview: (holdId: string, signal?: AbortSignal) => request<PreviewView>('GET', `/holds/${id(holdId)}/preview`, undefined, signal),
  requestChanges: (holdId: string, reason: string) => request<HoldView>('POST', `/holds/${id(holdId)}/request-changes`, { reason }),
  takeBack: (holdId: string) => request<HoldView>('POST', `/holds/${id(holdId)}/take-back`, {}),
};
