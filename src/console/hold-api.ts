// Calls about one hold besides yes and no, and about who answers.

import type { DelegateView, DelegationBody, DelegationView, HoldView, OnCallView, Page, PreviewView } from '../api/contract.ts';
import type { AnswerTimesView } from '../api/contract-answers.ts';
import { request } from './api.ts';

const id = encodeURIComponent;

export const holdApi = {
  preview: (holdId: string, signal?: AbortSignal) => request<PreviewView>('GET', `/holds/${id(holdId)}/preview`, undefined, signal),
  requestChanges: (holdId: string, reason: string) => request<HoldView>('POST', `/holds/${id(holdId)}/request-changes`, { reason }),
  delegations: (signal?: AbortSignal) => request<Page<DelegationView>>('GET', '/delegations', undefined, signal),
  delegates: (signal?: AbortSignal) => request<Page<DelegateView>>('GET', '/delegations/candidates', undefined, signal),
  delegate: (body: DelegationBody) => request<DelegationView>('POST', '/delegations', body),
  endDelegation: (delegationId: string) => request<DelegationView>('POST', `/delegations/${id(delegationId)}/end`, {}),
  onCall: (signal?: AbortSignal) => request<Page<OnCallView>>('GET', '/on-call', undefined, signal),
  answerTimes: (signal?: AbortSignal) => request<AnswerTimesView>('GET', '/answer-times', undefined, signal),
  takeBack: (holdId: string) => request<HoldView>('POST', `/holds/${id(holdId)}/take-back`, {}),
};
