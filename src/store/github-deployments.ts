// Deployments at GitHub that wait for a request for access here: which request, and where its end is told.

import type { Db, Migration } from './database.ts';

export const githubDeploymentMigrations: readonly Migration[] = [
  {
    id: 'github-deployments-1',
    sql: `CREATE TABLE github_deployments (
            delivery TEXT PRIMARY KEY,
            request TEXT,
            callback TEXT NOT NULL,
            environment TEXT NOT NULL,
            installation INTEGER NOT NULL,
            at_ms INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX github_deployments_request ON github_deployments (request)`,
  },
];

export interface GithubDeploymentRecord {
  /** GitHub's own id of the webhook: it counts once. */
  readonly delivery: string;
  /** Null until it was asked for. */
  readonly request: string | null;
  /** Address of the deployment_protection_rule of one run. */
  readonly callback: string;
  readonly environment: string;
  readonly installation: number;
  readonly atMs: number;
}

/** GitHub gives up a waiting deployment after 30 days. */
const keptMs = 31 * 86_400_000;

export class GithubDeploymentStore {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** False when that delivery came before. */
  take(record: Omit<GithubDeploymentRecord, 'request'>): boolean {
    this.#db.prepare('DELETE FROM github_deployments WHERE at_ms < ?').run(record.atMs - keptMs);
    const insert = 'INSERT OR IGNORE INTO github_deployments VALUES (@delivery, NULL, @callback, @environment, @installation, @atMs)';
    return this.#db.prepare(insert).run(record).changes === 1;
  }

  asked(delivery: string, request: string): void {
    this.#db.prepare('UPDATE github_deployments SET request = ? WHERE delivery = ?').run(request, delivery);
  }

  ofRequest(request: string): GithubDeploymentRecord | undefined {
    return this.#db
      .prepare<[string], GithubDeploymentRecord>(
        'SELECT delivery, request, callback, environment, installation, at_ms AS atMs FROM github_deployments WHERE request = ?',
      )
      .get(request);
  }
}
