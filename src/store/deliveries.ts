// Webhook deliveries: what is still to be sent, and what became of the rest. The body is kept only while it may be sent
// again, because it carries statement text and answer links.

import type { Db, Migration } from './database.ts';

export const deliveryMigrations: readonly Migration[] = [
  {
    id: 'deliveries-1',
    sql: `
      CREATE TABLE deliveries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        webhook TEXT NOT NULL,
        event TEXT NOT NULL,
        hold_id TEXT,
        body TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
        last_status INTEGER,
        last_error TEXT,
        created_at_ms INTEGER NOT NULL,
        next_attempt_at_ms INTEGER
      );
      CREATE INDEX deliveries_due ON deliveries (webhook, next_attempt_at_ms) WHERE state = 'pending';
      CREATE INDEX deliveries_hold ON deliveries (hold_id, seq);
      CREATE INDEX deliveries_age ON deliveries (created_at_ms) WHERE state <> 'pending';
    `,
  },
  { id: 'deliveries-2', sql: 'ALTER TABLE deliveries ADD COLUMN last_attempt_at_ms INTEGER' },
];

export type DeliveryState = 'pending' | 'delivered' | 'failed';

export interface Delivery {
  readonly seq: number;
  readonly id: string;
  readonly webhook: string;
  readonly event: string;
  readonly holdId: string | null;
  /** Null once the delivery ended. */
  readonly body: string | null;
  readonly attempts: number;
  readonly state: DeliveryState;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly createdAtMs: number;
  readonly nextAttemptAtMs: number | null;
}

export interface DeliveryFilter {
  readonly webhook: string | null;
  readonly state: DeliveryState | null;
  readonly holdId: string | null;
  /** Only deliveries older than this one. */
  readonly beforeSeq: number | null;
  readonly limit: number;
}

/** How an attempt ended: `nextAttemptAtMs` null means it was the last. */
export interface AttemptRecord {
  readonly state: DeliveryState;
  readonly status: number | null;
  readonly error: string | null;
  readonly nextAttemptAtMs: number | null;
  readonly atMs: number;
}

/** What became of the newest try to send to one destination. */
export interface LastDelivery {
  readonly webhook: string;
  readonly state: DeliveryState;
  readonly lastError: string | null;
  readonly lastAttemptAtMs: number;
  readonly pending: number;
}

const columns = `seq, id, webhook, event, hold_id AS holdId, body, attempts, state, last_status AS lastStatus,
  last_error AS lastError, created_at_ms AS createdAtMs, next_attempt_at_ms AS nextAttemptAtMs`;

export class DeliveryStore {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  insert(delivery: Pick<Delivery, 'id' | 'webhook' | 'event' | 'holdId' | 'createdAtMs'> & { readonly body: string }): void {
    this.#db
      .prepare(
        `INSERT INTO deliveries (id, webhook, event, hold_id, body, state, created_at_ms, next_attempt_at_ms)
         VALUES (@id, @webhook, @event, @holdId, @body, 'pending', @createdAtMs, @createdAtMs)`,
      )
      .run(delivery);
  }

  /** Those of one webhook whose time has come, oldest first. */
  due(webhook: string, nowMs: number, limit: number): Delivery[] {
    return this.#db
      .prepare<[string, number, number], Delivery>(
        `SELECT ${columns} FROM deliveries WHERE webhook = ? AND state = 'pending' AND next_attempt_at_ms <= ?
         ORDER BY next_attempt_at_ms, seq LIMIT ?`,
      )
      .all(webhook, nowMs, limit);
  }

  /** When the next pending delivery of a webhook is due that is later than `nowMs`; null when none is. */
  nextDueMs(webhook: string, nowMs: number): number | null {
    return (
      this.#db
        .prepare<[string, number], number | null>(
          `SELECT min(next_attempt_at_ms) FROM deliveries WHERE webhook = ? AND state = 'pending' AND next_attempt_at_ms > ?`,
        )
        .pluck()
        .get(webhook, nowMs) ?? null
    );
  }

  recordAttempt(id: string, attempt: AttemptRecord): void {
    this.#db
      .prepare(
        `UPDATE deliveries SET attempts = attempts + 1, state = @state, last_status = @status, last_error = @error,
           next_attempt_at_ms = @nextAttemptAtMs, last_attempt_at_ms = @atMs, body = iif(@state = 'pending', body, NULL)
         WHERE id = @id AND state = 'pending'`,
      )
      .run({ id, ...attempt });
  }

  /** Ends what waits for webhooks that are configured no longer. */
  abandonOthers(configured: readonly string[], error: string): number {
    return this.#db
      .prepare(
        `UPDATE deliveries SET state = 'failed', last_error = ?, next_attempt_at_ms = NULL, body = NULL
         WHERE state = 'pending' AND webhook NOT IN (SELECT value FROM json_each(?))`,
      )
      .run(error, JSON.stringify(configured)).changes;
  }

  pendingCount(): number {
    return this.#db.prepare<[], number>(`SELECT count(*) FROM deliveries WHERE state = 'pending'`).pluck().get() ?? 0;
  }

  /** By destination: its newest try, and how many wait. SQLite gives the other columns of the row that has the maximum. */
  last(): ReadonlyMap<string, LastDelivery> {
    const rows = this.#db
      .prepare<[], LastDelivery>(
        `SELECT webhook, state, last_error AS lastError, max(last_attempt_at_ms) AS lastAttemptAtMs,
           (SELECT count(*) FROM deliveries AS p WHERE p.webhook = deliveries.webhook AND p.state = 'pending') AS pending
         FROM deliveries WHERE last_attempt_at_ms IS NOT NULL GROUP BY webhook`,
      )
      .all();
    return new Map(rows.map((row) => [row.webhook, row]));
  }

  /** Newest first. */
  list(filter: DeliveryFilter): Delivery[] {
    return this.#db
      .prepare<Record<string, string | number | null>, Delivery>(
        `SELECT ${columns} FROM deliveries
         WHERE (@webhook IS NULL OR webhook = @webhook) AND (@state IS NULL OR state = @state)
           AND (@holdId IS NULL OR hold_id = @holdId) AND (@beforeSeq IS NULL OR seq < @beforeSeq)
         ORDER BY seq DESC LIMIT @limit`,
      )
      .all({ ...filter });
  }

  /** Forgets deliveries that ended and are older than that. */
  prune(olderThanMs: number): number {
    return this.#db.prepare(`DELETE FROM deliveries WHERE state <> 'pending' AND created_at_ms < ?`).run(olderThanMs).changes;
  }
}
