// Deployments at GitHub and GitLab that wait for a request for access here: which request, where its end is told, and where its code
// is discussed. What came in by a webhook is noted as well, so that it counts once.

import type { Db, Migration } from './database.ts';

export const forgeDeploymentMigrations: readonly Migration[] = [
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
  {
    id: 'forge-deployments-1',
    sql: `ALTER TABLE github_deployments RENAME TO forge_deployments;
          ALTER TABLE forge_deployments ADD COLUMN forge TEXT NOT NULL DEFAULT 'github';
          ALTER TABLE forge_deployments ADD COLUMN repository TEXT NOT NULL DEFAULT '';
          ALTER TABLE forge_deployments ADD COLUMN sha TEXT NOT NULL DEFAULT '';
          ALTER TABLE forge_deployments ADD COLUMN change INTEGER;
          ALTER TABLE forge_deployments ADD COLUMN is_private INTEGER NOT NULL DEFAULT 0;
          CREATE TABLE forge_deliveries (digest TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  },
];

export type Forge = 'github' | 'gitlab';

/** Where code is discussed: a pull or merge request, else the commit. */
export interface CodePlace {
  readonly repository: string;
  readonly sha: string;
  /** Number of the pull or merge request; null: none is known. */
  readonly change: number | null;
  /** Of the GitHub App; 0 at GitLab. */
  readonly installation: number;
}

export interface ForgeDeployment extends CodePlace {
  /** Hash of the webhook that asked. */
  readonly delivery: string;
  readonly forge: Forge;
  /** Null until it was asked for. */
  readonly request: string | null;
  /** Where the deployment is told to go on. */
  readonly callback: string;
  readonly environment: string;
  /** Only in private repositories something is told in comments. */
  readonly isPrivate: boolean;
  readonly atMs: number;
}

/** GitHub gives up a waiting deployment after 30 days. */
const keptMs = 31 * 86_400_000;

const columns = `delivery, forge, request, callback, environment, installation, repository, sha, change, is_private AS isPrivate, at_ms AS atMs`;
type Row = Omit<ForgeDeployment, 'isPrivate'> & { readonly isPrivate: 0 | 1 };

export class ForgeDeploymentStore {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** False when a webhook of that hash came before. */
  isNew(digest: string, atMs: number): boolean {
    this.#db.prepare('DELETE FROM forge_deliveries WHERE at_ms < ?').run(atMs - keptMs);
    return this.#db.prepare('INSERT OR IGNORE INTO forge_deliveries VALUES (?, ?)').run(digest, atMs).changes === 1;
  }

  add(record: Omit<ForgeDeployment, 'request'>): void {
    this.#db.prepare('DELETE FROM forge_deployments WHERE at_ms < ?').run(record.atMs - keptMs);
    this.#db
      .prepare(
        `INSERT INTO forge_deployments (delivery, request, callback, environment, installation, at_ms, forge, repository, sha, change, is_private)
         VALUES (@delivery, NULL, @callback, @environment, @installation, @atMs, @forge, @repository, @sha, @change, @isPrivate)`,
      )
      .run({ ...record, isPrivate: record.isPrivate ? 1 : 0 });
  }

  asked(delivery: string, request: string): void {
    this.#db.prepare('UPDATE forge_deployments SET request = ? WHERE delivery = ?').run(request, delivery);
  }

  ofRequest(forge: Forge, request: string): ForgeDeployment | undefined {
    return this.#list('WHERE forge = ? AND request = ?', forge, request)[0];
  }

  /** Those of one environment that were asked for, newest first. */
  ofEnvironment(forge: Forge, repository: string, environment: string): ForgeDeployment[] {
    return this.#list(
      'WHERE forge = ? AND repository = ? COLLATE NOCASE AND environment = ? AND request IS NOT NULL ORDER BY at_ms DESC LIMIT 50',
      forge,
      repository,
      environment,
    );
  }

  #list(where: string, ...values: string[]): ForgeDeployment[] {
    const rows = this.#db.prepare<string[], Row>(`SELECT ${columns} FROM forge_deployments ${where}`).all(...values);
    return rows.map((row) => ({ ...row, isPrivate: row.isPrivate === 1 }));
  }
}
