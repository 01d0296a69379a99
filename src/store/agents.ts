// Agents that were enrolled, and the tokens to enrol more. Keys are public ones, tokens are hashes: nothing here opens a link.

import type { Db, Migration } from './database.ts';

export const agentMigrations: readonly Migration[] = [
  {
    id: 'agents-1',
    sql: `CREATE TABLE agents (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            labels TEXT NOT NULL,
            public_key TEXT NOT NULL UNIQUE,
            enrolled_at_ms INTEGER NOT NULL,
            enrolled_by TEXT NOT NULL,
            hostname TEXT NOT NULL,
            software TEXT NOT NULL,
            address TEXT NOT NULL,
            allow TEXT NOT NULL,
            last_seen_at_ms INTEGER NOT NULL,
            used_turn INTEGER NOT NULL,
            issued_turn INTEGER NOT NULL,
            revoked_at_ms INTEGER,
            revoked_by TEXT
          ) STRICT;
          CREATE INDEX agents_by_name ON agents (name);
          CREATE TABLE agent_tokens (
            id TEXT PRIMARY KEY,
            sha256 BLOB NOT NULL UNIQUE,
            name TEXT NOT NULL,
            labels TEXT NOT NULL,
            created_by TEXT NOT NULL,
            created_at_ms INTEGER NOT NULL,
            expires_at_ms INTEGER NOT NULL,
            used_by_key TEXT
          ) STRICT`,
  },
];

type Labels = Readonly<Record<string, string>>;

interface AgentRow {
  readonly id: string;
  readonly name: string;
  readonly labels: string;
  readonly public_key: string;
  readonly enrolled_at_ms: number;
  readonly enrolled_by: string;
  readonly hostname: string;
  readonly software: string;
  readonly address: string;
  readonly allow: string;
  readonly last_seen_at_ms: number;
  readonly used_turn: number;
  readonly issued_turn: number;
  readonly revoked_at_ms: number | null;
}

interface TokenRow {
  readonly id: string;
  readonly sha256: Buffer;
  readonly name: string;
  readonly labels: string;
  readonly created_by: string;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
  readonly used_by_key: string | null;
}

export type StoredAgent = ReturnType<typeof agentOf>;
export type StoredToken = ReturnType<typeof tokenOf>;

/** What changes with every link. */
export type SeenAgent = Pick<StoredAgent, 'hostname' | 'software' | 'address' | 'allow' | 'lastSeenAtMs' | 'usedTurn' | 'issuedTurn'>;

export interface AgentStore {
  agent(id: string): StoredAgent | undefined;
  agentByKey(publicKey: string): StoredAgent | undefined;
  agents(): readonly StoredAgent[];
  unseen(name: string, hostname: string, sinceMs: number): readonly StoredAgent[];
  seen(id: string, seen: SeenAgent): void;
  lastSeen(id: string, atMs: number): void;
  allSeen(ids: readonly string[], atMs: number): void;
  revoke(id: string, by: string, atMs: number): void;
  addToken(token: StoredToken): void;
  token(sha256: Buffer): StoredToken | undefined;
  openTokens(nowMs: number): number;
  listOpenTokens(nowMs: number): readonly StoredToken[];
  removeToken(id: string): boolean;
  removeExpiredTokens(nowMs: number): void;
  enrol(tokenId: string, agent: StoredAgent): boolean;
}

export function openAgentStore(db: Db): AgentStore {
  const byId = db.prepare('SELECT * FROM agents WHERE id = ?');
  const byKey = db.prepare('SELECT * FROM agents WHERE public_key = ?');
  const all = db.prepare('SELECT * FROM agents WHERE revoked_at_ms IS NULL ORDER BY name, enrolled_at_ms, id');
  const unseen = db.prepare(
    `SELECT * FROM agents WHERE name = ? AND revoked_at_ms IS NULL AND last_seen_at_ms <= ? ORDER BY hostname <> ?, last_seen_at_ms, id`,
  );
  const insert = db.prepare(
    `INSERT INTO agents VALUES (@id, @name, @labels, @publicKey, @enrolledAtMs, @enrolledBy, @hostname, @software, @address, @allow,
       @lastSeenAtMs, @usedTurn, @issuedTurn, @revokedAtMs, NULL)`,
  );
  const seen = db.prepare(
    `UPDATE agents SET hostname = @hostname, software = @software, address = @address, allow = @allow, last_seen_at_ms = @lastSeenAtMs,
       used_turn = @usedTurn, issued_turn = @issuedTurn WHERE id = @id`,
  );
  const lastSeen = db.prepare('UPDATE agents SET last_seen_at_ms = ? WHERE id = ?');
  const revoke = db.prepare('UPDATE agents SET revoked_at_ms = ?, revoked_by = ? WHERE id = ? AND revoked_at_ms IS NULL');
  const insertToken = db.prepare(
    'INSERT INTO agent_tokens VALUES (@id, @sha256, @name, @labels, @createdBy, @createdAtMs, @expiresAtMs, @usedByKey)',
  );
  const tokenBySha256 = db.prepare('SELECT * FROM agent_tokens WHERE sha256 = ?');
  const open = db.prepare('SELECT count(*) FROM agent_tokens WHERE used_by_key IS NULL AND expires_at_ms > ?').pluck();
  const listOpen = db.prepare('SELECT * FROM agent_tokens WHERE used_by_key IS NULL AND expires_at_ms > ? ORDER BY created_at_ms, id');
  const removeToken = db.prepare('DELETE FROM agent_tokens WHERE id = ? AND used_by_key IS NULL');
  const removeExpired = db.prepare('DELETE FROM agent_tokens WHERE expires_at_ms <= ?');
  const use = db.prepare('UPDATE agent_tokens SET used_by_key = ? WHERE id = ? AND used_by_key IS NULL');
  const one = (row: unknown): StoredAgent | undefined => (row === undefined ? undefined : agentOf(row as AgentRow));
  const written = (agent: StoredAgent): object => ({ ...agent, labels: JSON.stringify(agent.labels), allow: JSON.stringify(agent.allow) });

  return {
    agent: (id) => one(byId.get(id)),
    agentByKey: (publicKey) => one(byKey.get(publicKey)),
    agents: () => (all.all() as AgentRow[]).map(agentOf),
    unseen: (name, hostname, sinceMs) => (unseen.all(name, sinceMs, hostname) as AgentRow[]).map(agentOf),
    seen: (id, { hostname, software, address, allow, lastSeenAtMs, usedTurn, issuedTurn }) =>
      void seen.run({ id, hostname, software, address, allow: JSON.stringify(allow), lastSeenAtMs, usedTurn, issuedTurn }),
    lastSeen: (id, atMs) => void lastSeen.run(atMs, id),
    allSeen: db.transaction((ids: readonly string[], atMs: number) => {
      for (const id of ids) lastSeen.run(atMs, id);
    }),
    revoke: (id, by, atMs) => void revoke.run(atMs, by, id),
    addToken: (token) => void insertToken.run({ ...token, labels: JSON.stringify(token.labels) }),
    token: (sha256) => {
      const row = tokenBySha256.get(sha256);
      return row === undefined ? undefined : tokenOf(row as TokenRow);
    },
    openTokens: (nowMs) => open.get(nowMs) as number,
    listOpenTokens: (nowMs) => (listOpen.all(nowMs) as TokenRow[]).map(tokenOf),
    removeToken: (id) => removeToken.run(id).changes === 1,
    removeExpiredTokens: (nowMs) => void removeExpired.run(nowMs),
    enrol: db.transaction((tokenId: string, agent: StoredAgent) => {
      if (use.run(agent.publicKey, tokenId).changes !== 1) return false;
      insert.run(written(agent));
      return true;
    }),
  };
}

function agentOf(row: AgentRow) {
  return {
    id: row.id,
    name: row.name,
    labels: JSON.parse(row.labels) as Labels,
    publicKey: row.public_key,
    enrolledAtMs: row.enrolled_at_ms,
    enrolledBy: row.enrolled_by,
    hostname: row.hostname,
    software: row.software,
    address: row.address,
    allow: JSON.parse(row.allow) as readonly string[],
    lastSeenAtMs: row.last_seen_at_ms,
    usedTurn: row.used_turn,
    issuedTurn: row.issued_turn,
    revokedAtMs: row.revoked_at_ms,
  };
}

function tokenOf(row: TokenRow) {
  return {
    id: row.id,
    sha256: row.sha256,
    name: row.name,
    labels: JSON.parse(row.labels) as Labels,
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    usedByKey: row.used_by_key,
  };
}
