// All tables of the gateway's store. The order counts: tables are made in it.

import { identityMigrations } from '../identity/tables.ts';
import { accessRequestMigrations } from '../store/access-requests.ts';
import { agentMigrations } from '../store/agents.ts';
import type { Migration } from '../store/database.ts';
import { delegationMigrations } from '../store/delegations.ts';
import { grantMigrations } from '../store/grants.ts';
import { holdMigrations } from '../store/hold-tables.ts';
import { policyVersionMigrations } from '../store/policy-versions.ts';
import { sessionHistoryMigrations } from '../store/session-history.ts';
import { sessionMigrations } from '../store/sessions.ts';
import { shapeMigrations } from '../store/shapes.ts';
import { targetCredentialMigrations } from '../store/target-credentials.ts';
import { channelMigrations } from './channels.ts';

export const allMigrations: readonly Migration[] = [
  ...identityMigrations,
  ...holdMigrations,
  ...delegationMigrations,
  ...accessRequestMigrations,
  ...grantMigrations,
  ...shapeMigrations,
  ...sessionMigrations,
  ...sessionHistoryMigrations,
  ...channelMigrations,
  ...policyVersionMigrations,
  ...agentMigrations,
  ...targetCredentialMigrations,
];
