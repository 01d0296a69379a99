// What operators and auditors ask: people, tokens, deliveries, enrolment of agents, versions of policies.

import type {
  AgentsRevoked,
  ChannelView,
  DeliveryView,
  EnrolmentTokenIssued,
  EnrolmentTokenView,
  Page,
  PersonView,
  PolicyVersionText,
  PolicyVersionView,
  TokenView,
} from '../api/contract.ts';
import { query, request } from './api.ts';

const id = encodeURIComponent;

export const adminApi = {
  people: (signal?: AbortSignal) => request<Page<PersonView>>('GET', '/people', undefined, signal),
  setDisabled: (name: string, disabled: boolean) => request<PersonView>('POST', `/people/${id(name)}/${disabled ? 'disable' : 'enable'}`),

  tokens: (signal?: AbortSignal) => request<Page<TokenView>>('GET', '/tokens', undefined, signal),
  revokeToken: (tokenId: string) => request<unknown>('DELETE', `/tokens/${id(tokenId)}`),

  channels: (signal?: AbortSignal) => request<Page<ChannelView>>('GET', '/channels', undefined, signal),
  deliveries: (cursor: string | null, signal?: AbortSignal) =>
    request<Page<DeliveryView>>('GET', `/webhooks/deliveries${query({ cursor, limit: 50 })}`, undefined, signal),

  enrolmentTokens: (signal?: AbortSignal) => request<Page<EnrolmentTokenView>>('GET', '/agents/enrolment-tokens', undefined, signal),
  createEnrolmentToken: (name: string, labels: Readonly<Record<string, string>>) =>
    request<EnrolmentTokenIssued>('POST', '/agents/enrolment-tokens', { name, labels }),
  revokeEnrolmentToken: (tokenId: string) => request<AgentsRevoked>('DELETE', `/agents/enrolment-tokens/${id(tokenId)}`),
  revokeAgent: (agent: string) => request<AgentsRevoked>('DELETE', `/agents/${id(agent)}`),

  policyVersions: (signal?: AbortSignal) => request<Page<PolicyVersionView>>('GET', '/policies/versions', undefined, signal),
  policyVersion: (version: string, signal?: AbortSignal) =>
    request<PolicyVersionText>('GET', `/policies/versions/${id(version)}`, undefined, signal),
};
