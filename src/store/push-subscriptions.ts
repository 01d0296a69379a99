// Browsers that want to be told when they are closed: where their push service is, and the keys that only they can read with.

import type { Db, Migration } from './database.ts';

export const pushSubscriptionMigrations: readonly Migration[] = [
  {
    id: 'push-subscriptions-1',
    sql: `CREATE TABLE push_subscriptions (
            id TEXT PRIMARY KEY,
            person TEXT NOT NULL,
            name TEXT NOT NULL,
            endpoint TEXT NOT NULL UNIQUE,
            p256dh TEXT NOT NULL,
            auth TEXT NOT NULL,
            created_at_ms INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX push_subscriptions_person ON push_subscriptions (person, created_at_ms)`,
  },
];

export interface PushSubscriptionRecord {
  readonly id: string;
  readonly person: string;
  /** What the person calls the browser. */
  readonly name: string;
  /** Whoever knows it and the keys could push to it; shown to nobody. */
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
  readonly createdAtMs: number;
}

const columns = 'id, person, name, endpoint, p256dh, auth, created_at_ms AS createdAtMs';

export class PushSubscriptionStore {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** A browser belongs to who subscribed with it last. */
  put(subscription: PushSubscriptionRecord): void {
    this.#db
      .prepare('INSERT OR REPLACE INTO push_subscriptions VALUES (@id, @person, @name, @endpoint, @p256dh, @auth, @createdAtMs)')
      .run(subscription);
  }

  get(id: string): PushSubscriptionRecord | undefined {
    return this.#db.prepare<[string], PushSubscriptionRecord>(`SELECT ${columns} FROM push_subscriptions WHERE id = ?`).get(id);
  }

  /** Oldest first. */
  of(person: string): PushSubscriptionRecord[] {
    return this.#db
      .prepare<[string], PushSubscriptionRecord>(`SELECT ${columns} FROM push_subscriptions WHERE person = ? ORDER BY created_at_ms, id`)
      .all(person);
  }

  remove(id: string): boolean {
    return this.#db.prepare('DELETE FROM push_subscriptions WHERE id = ?').run(id).changes === 1;
  }
}
