// Keys that the gateway makes for itself on its first start: one for each purpose, never shown, never changed.

import type { Random } from '../core/clock.ts';
import { Secret } from '../core/secret.ts';
import type { Db, Migration } from './database.ts';

export const serverSecretMigrations: readonly Migration[] = [
  { id: 'server-secrets-1', sql: 'CREATE TABLE server_secrets (purpose TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID' },
];

export type SecretPurpose = 'sign-in-decoys' | 'decision-links' | 'agent-credentials' | 'web-push';

const secretBytes = 32;

/** The key of that purpose, base64; made when it is not there yet. */
export function serverSecret(db: Db, purpose: SecretPurpose, random: Random): Secret {
  db.prepare('INSERT OR IGNORE INTO server_secrets VALUES (?, ?)').run(purpose, random.bytes(secretBytes).toString('base64'));
  return new Secret(db.prepare('SELECT value FROM server_secrets WHERE purpose = ?').pluck().get(purpose) as string);
}
