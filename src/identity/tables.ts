// All tables of identity: people, what they prove themselves with, and what they are signed in by.

import { consoleSessionMigrations } from '../store/console-sessions.ts';
import type { Migration } from '../store/database.ts';
import { decisionLinkMigrations } from '../store/decision-links.ts';
import { factorMigrations } from '../store/factors.ts';
import { peopleMigrations } from '../store/people.ts';
import { provisionedPeopleMigrations } from '../store/provisioned-people.ts';
import { scimMigrations } from '../store/scim.ts';
import { serverSecretMigrations } from '../store/server-secrets.ts';
import { tokenMigrations } from '../store/tokens.ts';

export const identityMigrations: readonly Migration[] = [
  ...peopleMigrations,
  ...tokenMigrations,
  ...consoleSessionMigrations,
  ...serverSecretMigrations,
  ...decisionLinkMigrations,
  ...provisionedPeopleMigrations,
  ...factorMigrations,
  ...scimMigrations,
];
