// What goes out of the API as schemas: they strip whatever the contract does not name, and make the OpenAPI document. The annotations tie each to its contract type: the two can't drift apart without a type error.

import { z } from 'zod';
import type {
  AgentView,
  AgentsRevoked,
  AuditEventView,
  AuditVerification,
  CredentialChecked,
  CredentialSet,
  CredentialView,
  CredentialsRemoved,
  CredentialsRewrapped,
  DeliveryView,
  EnrolmentTokenIssued,
  EnrolmentTokenView,
  Health,
  Ready,
  HoldView,
  LoginLinkIssued,
  Me,
  Page,
  PendingSignInView,
  PersonView,
  PolicyView,
  Problem,
  RecordingEntry,
  RecordingView,
  SessionView,
  TargetView,
  TokenIssued,
  TokenView,
} from './contract.ts';

const time = z.string().meta({ format: 'date-time' });
const kind = z.enum(['person', 'machine', 'ai-agent']);
const parameters = z.array(z.object({ type: z.string().nullable(), text: z.string().nullable() })).nullable();

export const holdState = z.enum(['pending', 'approved', 'denied', 'changes_requested', 'expired', 'withdrawn']).meta({ id: 'HoldState' });

export const problem: z.ZodType<Problem> = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().exactOptional(),
    code: z.string().exactOptional(),
    state: holdState.exactOptional(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).exactOptional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem document' });

export const me: z.ZodType<Me> = z
  .object({
    name: z.string(),
    display_name: z.string(),
    kind,
    groups: z.array(z.string()),
    rights: z.array(z.enum(['approve', 'audit', 'operate'])),
  })
  .meta({ id: 'Me' });

export const holdView: z.ZodType<HoldView> = z
  .object({
    id: z.string(),
    state: holdState,
    action_id: z.string(),
    session_id: z.string(),
    action_kind: z.string(),
    principal: z.string(),
    principal_name: z.string(),
    target: z.string(),
    target_protocol: z.string(),
    target_labels: z.record(z.string(), z.string()),
    client_address: z.string(),
    reason: z.string().optional().meta({ description: 'What the session says that it is for. As hostile as the text.' }),
    access: z.array(z.object({ grant: z.string(), reason: z.string(), break_glass: z.boolean() })).optional(),
    text: z.string().meta({ description: 'Exactly what was asked. Hostile: never put it into markup or a terminal as it is.' }),
    parameters,
    digest: z.string(),
    statement_kinds: z.array(z.string()),
    effects: z.array(z.string()),
    risks: z.array(z.object({ start: z.int(), end: z.int(), why: z.string() })),
    transaction: z.enum(['none', 'open', 'failed']),
    rule: z.string(),
    rule_title: z.string(),
    policy_version: z.string(),
    approver_groups: z.array(z.string()),
    also_in_groups: z.array(z.array(z.string())).optional(),
    escalates: z.array(z.object({ at: time, to: z.array(z.string()) })).optional(),
    on_call: z.array(z.object({ group: z.string(), people: z.array(z.string()), until: time })).optional(),
    approver_sets: z.array(z.object({ groups: z.array(z.string()), count: z.number().int() })).optional(),
    approvals_needed: z.int(),
    approvals: z.array(
      z.object({
        by: z.string(),
        reason: z.string().nullable(),
        at: time,
        on_behalf_of: z.string().optional(),
        via: z.string().optional(),
        second_factor: z.enum(['passkey', 'totp']).optional(),
      }),
    ),
    reason_required: z.boolean(),
    second_factor: z.enum(['passkey', 'totp']).optional(),
    created_at: time,
    expires_at: time,
    settled_at: time.nullable(),
    settled_by: z.string().nullable(),
    settled_reason: z.string().nullable(),
    settled_via: z.string().optional(),
    outcome: z.object({ kind: z.string(), rows: z.number().nullable(), duration_ms: z.number(), at: z.string() }).optional(),
    can_answer: z.boolean(),
    cannot_answer_because: z.string().nullable(),
  })
  .meta({ id: 'Hold' });

export const sessionView: z.ZodType<SessionView> = z
  .object({
    id: z.string(),
    state: z.enum(['open', 'closed']),
    principal: z.string(),
    target: z.string(),
    protocol: z.string(),
    client_address: z.string(),
    tls: z.boolean(),
    method: z.string(),
    database: z.string().nullable(),
    started_at: time,
    ended_at: time.nullable(),
    end_reason: z.string().nullable(),
    statements: z.int(),
    held: z.int(),
    denied: z.int(),
  })
  .meta({ id: 'Session' });

const transferView = z
  .object({ direction: z.enum(['read', 'write', 'both']), bytes: z.number(), sha256: z.string().nullable(), whole: z.boolean() })
  .meta({ id: 'Transfer' });

const recordingEntry: z.ZodType<RecordingEntry> = z
  .object({
    kind: z.literal('statement'),
    action_id: z.string(),
    asked_ms: z.number(),
    released_ms: z.number().nullable(),
    finished_ms: z.number(),
    text: z.string(),
    parameters,
    statement_kinds: z.array(z.string()),
    effects: z.array(z.string()),
    decision: z.enum(['allow', 'deny', 'hold']),
    rule: z.string().nullable(),
    hold_id: z.string().nullable(),
    approved_by: z.array(z.string()),
    outcome: z.string(),
    rows: z.number().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    results: z.array(z.array(z.string().nullable())).nullable(),
    transfer: transferView.optional(),
  })
  .meta({ id: 'RecordingEntry' });

export const recordingView: z.ZodType<RecordingView> = z
  .object({ session: sessionView, entries: z.array(recordingEntry), complete: z.boolean(), next: z.string().nullable().optional() })
  .meta({ id: 'Recording' });

export const auditEventView: z.ZodType<AuditEventView> = z
  .object({
    seq: z.int(),
    at: time,
    type: z.string(),
    principal: z.string().nullable(),
    target: z.string().nullable(),
    session_id: z.string().nullable(),
    action_id: z.string().nullable(),
    hold_id: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()),
    hash: z.string(),
  })
  .meta({ id: 'AuditEvent' });

export const auditVerification: z.ZodType<AuditVerification> = z
  .object({
    ok: z.boolean(),
    events: z.int(),
    head: z.string().nullable(),
    problem: z.string().nullable(),
    problem_seq: z.int().nullable(),
  })
  .meta({ id: 'AuditVerification' });

export const targetView: z.ZodType<TargetView> = z
  .object({
    name: z.string(),
    protocol: z.string(),
    labels: z.record(z.string(), z.string()),
    host: z.string(),
    port: z.int(),
    agent: z.string().optional(),
    connect: z.string(),
    gateway: z.object({ host: z.string(), port: z.int(), host_key: z.string().optional() }).optional(),
  })
  .meta({ id: 'Target' });

export const policyView: z.ZodType<PolicyView> = z
  .object({
    version: z.string(),
    loaded_at: time,
    files: z.array(z.object({ path: z.string(), text: z.string() })),
    rejected: z.array(z.string()),
    source: z
      .object({
        url: z.string(),
        ref: z.string(),
        commit: z.string(),
        author: z.string(),
        committed_at: z.string(),
        subject: z.string(),
        signed_by: z.string().nullable(),
      })
      .optional(),
    rules: z
      .array(
        z.object({
          id: z.string(),
          title: z.string(),
          decision: z.enum(['allow', 'hold', 'deny']),
          fired: z.number(),
          last_fired_at: time.nullable(),
        }),
      )
      .optional(),
  })
  .meta({ id: 'Policies' });

export const tokenIssued: z.ZodType<TokenIssued> = z
  .object({ token: z.string(), id: z.string(), person: z.string(), expires_at: time })
  .meta({ id: 'TokenIssued' });

export const tokenView: z.ZodType<TokenView> = z
  .object({
    id: z.string(),
    person: z.string(),
    name: z.string(),
    created_at: time,
    expires_at: time,
    last_used_at: time.nullable(),
  })
  .meta({ id: 'Token' });

export const deliveryView: z.ZodType<DeliveryView> = z
  .object({
    id: z.string(),
    webhook: z.string(),
    event: z.string(),
    hold_id: z.string().nullable(),
    attempts: z.int(),
    state: z.enum(['pending', 'delivered', 'failed']),
    last_status: z.int().nullable(),
    last_error: z.string().nullable(),
    created_at: time,
    next_attempt_at: time.nullable(),
  })
  .meta({ id: 'Delivery' });

export const pendingSignInView: z.ZodType<PendingSignInView> = z
  .object({
    code: z.string(),
    name: z.string(),
    target: z.string(),
    protocol: z.string(),
    client_address: z.string(),
    expires_at: time,
  })
  .meta({ id: 'PendingSignIn' });

export const personView: z.ZodType<PersonView> = z
  .object({ name: z.string(), display_name: z.string(), kind, groups: z.array(z.string()), disabled: z.boolean() })
  .meta({ id: 'Person' });

export const loginLinkIssued: z.ZodType<LoginLinkIssued> = z
  .object({ url: z.string(), person: z.string(), expires_at: time })
  .meta({ id: 'LoginLinkIssued' });

export const agentView: z.ZodType<AgentView> = z
  .object({
    id: z.string(),
    name: z.string(),
    labels: z.record(z.string(), z.string()),
    connected: z.boolean(),
    software: z.string(),
    hostname: z.string(),
    address: z.string(),
    link_version: z.int().nullable(),
    enrolled_at: time,
    enrolled_by: z.string(),
    connected_at: time.nullable(),
    last_seen_at: time,
    latency_ms: z.number().nullable(),
    streams: z.int(),
    streams_total: z.int(),
    bytes_sent: z.int(),
    bytes_received: z.int(),
    allow: z.array(z.string()),
  })
  .meta({ id: 'Agent' });

export const enrolmentTokenIssued: z.ZodType<EnrolmentTokenIssued> = z
  .object({ token: z.string(), name: z.string(), labels: z.record(z.string(), z.string()), expires_at: time, gateway: z.string() })
  .meta({ id: 'EnrolmentTokenIssued' });

export const agentsRevoked: z.ZodType<AgentsRevoked> = z.object({ revoked: z.int() }).meta({ id: 'AgentsRevoked' });

export const enrolmentTokenView: z.ZodType<EnrolmentTokenView> = z
  .object({
    id: z.string(),
    name: z.string(),
    labels: z.record(z.string(), z.string()),
    created_at: time,
    created_by: z.string(),
    expires_at: time,
  })
  .meta({ id: 'EnrolmentToken' });

export const credentialView: z.ZodType<CredentialView> = z
  .object({
    target: z.string(),
    protocol: z.string(),
    source: z.enum(['none', 'local', 'stored', 'vault-kv', 'vault-database', 'aws-secret']),
    where: z.string(),
    versions: z.array(
      z.object({
        version: z.int(),
        created_at: time,
        created_by: z.string(),
        master_key: z.string(),
        readable: z.boolean(),
        connections: z.int(),
      }),
    ),
    connections: z.int(),
  })
  .meta({ id: 'Credential' });
export const credentialSet: z.ZodType<CredentialSet> = z.object({ target: z.string(), version: z.int() }).meta({ id: 'CredentialSet' });
export const credentialChecked: z.ZodType<CredentialChecked> = z
  .object({ target: z.string(), version: z.string(), user: z.string() })
  .meta({ id: 'CredentialChecked' });
export const credentialsRemoved: z.ZodType<CredentialsRemoved> = z.object({ removed: z.int() }).meta({ id: 'CredentialsRemoved' });
export const credentialsRewrapped: z.ZodType<CredentialsRewrapped> = z.object({ rewrapped: z.int() }).meta({ id: 'CredentialsRewrapped' });

export const health: z.ZodType<Health> = z.object({ status: z.literal('ok'), version: z.string() }).meta({ id: 'Health' });
export const ready: z.ZodType<Ready> = z.object({ status: z.literal('ready') }).meta({ id: 'Ready' });

/** One page of a list. */
export function pageOf<T>(item: z.ZodType<T>): z.ZodType<Page<T>> {
  return z.object({ items: z.array(item), next: z.string().nullable() });
}
