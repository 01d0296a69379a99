// The part of the contract about agents and the credentials of targets. Read through contract.ts.

/** GET /agents (right: operate or audit). One item for each enrolled agent; replicas share a name. Counts are of the present link. */
export interface AgentView {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly connected: boolean;
  readonly software: string;
  readonly hostname: string;
  readonly address: string;
  readonly link_version: number | null;
  readonly enrolled_at: string;
  readonly enrolled_by: string;
  readonly connected_at: string | null;
  readonly last_seen_at: string;
  readonly latency_ms: number | null;
  readonly streams: number;
  readonly streams_total: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
  /** What the agent says that it may dial. It alone enforces that. */
  readonly allow: readonly string[];
}

/** POST /agents/enrolment-tokens (right: operate). */
export interface EnrolmentTokenBody {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly ttl_ms?: number | undefined;
}

export interface EnrolmentTokenIssued {
  /** Shown once; enrols one agent. */
  readonly token: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expires_at: string;
  /** Where the agent dials: wss://… */
  readonly gateway: string;
}

/** GET /agents/enrolment-tokens (right: operate or audit): those that still enrol somebody. Never the token itself. */
export interface EnrolmentTokenView {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly created_at: string;
  readonly created_by: string;
  readonly expires_at: string;
}

/** GET /credentials (right: operate or audit). One item for each target: where its credential is kept, never the value. */
export interface CredentialView {
  readonly target: string;
  readonly protocol: string;
  readonly source: 'none' | 'local' | 'stored' | 'vault-kv' | 'vault-database' | 'aws-secret';
  /** For people: a file, a path in Vault, … */
  readonly where: string;
  /** Of stored ones, newest first. An older one is there until a sign-in with the newest succeeded. */
  readonly versions: readonly CredentialVersionView[];
  /** Open connections to the target that were signed in with any version since the gateway started. */
  readonly connections: number;
}

export interface CredentialVersionView {
  readonly version: number;
  readonly created_at: string;
  readonly created_by: string;
  /** Names the master key, without telling it. */
  readonly master_key: string;
  /** False: that master key is not configured (any more). */
  readonly readable: boolean;
  readonly connections: number;
}

/** POST /credentials/{target}/versions (right: operate): one of the two. */
export interface CredentialBody {
  readonly password?: string | undefined;
  /** SSH: OpenSSH's or PEM form, without a passphrase. */
  readonly private_key?: string | undefined;
}

export interface CredentialSet {
  readonly target: string;
  readonly version: number;
}

/** POST /credentials/{target}/check (right: operate): it could be read now. */
export interface CredentialChecked {
  readonly target: string;
  readonly version: string;
  readonly user: string;
}

export interface CredentialsRemoved {
  readonly removed: number;
}

/** POST /credentials/rewrap (right: operate). */
export interface CredentialsRewrapped {
  readonly rewrapped: number;
}

/** DELETE /agents/{name}: every agent of that name, or the one with that id. */
export interface AgentsRevoked {
  readonly revoked: number;
}
