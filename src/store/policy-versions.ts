// The versions of the policies that were in force: their texts, as they were loaded. What was decided under a version can be read
// against it later, also when the files have changed since.

import type { Db, Migration } from './database.ts';

/** Versions kept; older ones are forgotten (the audit log still names them). */
export const policyVersionsMax = 100;

export const policyVersionMigrations: readonly Migration[] = [
  {
    id: 'policy-versions-1',
    sql: `CREATE TABLE policy_versions (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            version TEXT NOT NULL,
            loaded_at_ms INTEGER NOT NULL,
            files TEXT NOT NULL
          ) STRICT;
          CREATE INDEX policy_versions_by_version ON policy_versions (version)`,
  },
];

export interface PolicyFile {
  readonly path: string;
  readonly text: string;
}

export interface LoadedVersion {
  readonly version: string;
  readonly loadedAtMs: number;
  readonly files: readonly PolicyFile[];
}

export class PolicyVersionStore {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Notes that a version came into force. One that is loaded again (a restart) is not noted twice in a row. */
  note({ version, loadedAtMs, files }: LoadedVersion): void {
    const last = this.#db.prepare<[], string>('SELECT version FROM policy_versions ORDER BY seq DESC LIMIT 1').pluck().get();
    if (last === version) return;
    this.#db
      .prepare('INSERT INTO policy_versions (version, loaded_at_ms, files) VALUES (?, ?, ?)')
      .run(version, Math.round(loadedAtMs), JSON.stringify(files));
    this.#db.prepare('DELETE FROM policy_versions WHERE seq <= (SELECT max(seq) FROM policy_versions) - ?').run(policyVersionsMax);
  }

  /** Newest first. */
  list(): LoadedVersion[] {
    return this.#db
      .prepare<[], { version: string; loaded_at_ms: number; files: string }>(
        'SELECT version, loaded_at_ms, files FROM policy_versions ORDER BY seq DESC',
      )
      .all()
      .map(versionOf);
  }

  /** The last time that it was loaded. */
  get(version: string): LoadedVersion | undefined {
    const row = this.#db
      .prepare<[string], { version: string; loaded_at_ms: number; files: string }>(
        'SELECT version, loaded_at_ms, files FROM policy_versions WHERE version = ? ORDER BY seq DESC LIMIT 1',
      )
      .get(version);
    return row === undefined ? undefined : versionOf(row);
  }
}

function versionOf({ version, loaded_at_ms: loadedAtMs, files }: { version: string; loaded_at_ms: number; files: string }): LoadedVersion {
  return { version, loadedAtMs, files: JSON.parse(files) as PolicyFile[] };
}
