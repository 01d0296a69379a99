// The closed word lists that policies may use, with what each word means. Typed as records over the core's unions, so that a
// word added to the contract does not compile until it is explained here. The schema, the checks and the docs read from it.

import type { ActionKind } from '../../src/core/action.ts';
import type { Problem } from '../../src/core/classification.ts';
import type { Access, EffectVerb, ObjectKind } from '../../src/core/effect.ts';
import type { PrincipalKind } from '../../src/core/principal.ts';
import type { Protocol } from '../../src/core/target.ts';

export const actionKindWords: Readonly<Record<ActionKind, string>> = {
  connect: 'opening a session on a target',
  statement: 'an SQL text, or one execution of a prepared one',
  'function-call': "PostgreSQL's fast-path call of a function by number",
  replication: 'a replication connection',
  command: 'an SSH command',
  shell: 'an interactive SSH shell',
  subsystem: 'an SSH subsystem such as sftp',
  file: 'one file operation',
  forward: 'a forwarded port or socket',
  environment: 'an environment variable that the client sends',
};

export const verbWords: Readonly<Record<EffectVerb, string>> = {
  read: 'reading rows',
  insert: 'adding rows',
  update: 'changing rows',
  delete: 'removing rows',
  truncate: 'emptying a table',
  'bulk-load': 'loading rows in bulk (COPY FROM STDIN, LOAD DATA LOCAL)',
  export: 'taking rows out in bulk (COPY TO STDOUT)',
  create: 'making a table, view, function, …',
  alter: 'changing the shape of an object',
  drop: 'removing an object',
  rename: 'renaming an object',
  privilege: 'changing rights: GRANT, REVOKE, roles, owners',
  maintenance: 'VACUUM, ANALYZE, REINDEX, …',
  call: 'running code of the target that is not known to be harmless',
  code: 'running code that is in the text (DO blocks)',
  'server-file': "reading or writing files of the target's machine",
  'server-program': "running programs on the target's machine",
  network: 'making the target open connections',
  'large-object': 'large objects',
  sequence: 'moving a sequence',
  lock: 'taking locks on purpose',
  notify: 'sending a notification',
  admin: 'acting on the server or on other sessions',
  replication: 'replication and logical decoding',
  explain: 'showing a plan without running it',
  session: 'harmless settings of this session',
  guard: 'settings that guard, or that change how text is read or with whose rights it runs',
  transaction: 'beginning and ending transactions',
  prepare: 'naming a statement for later',
  cursor: 'moving and closing cursors',
  run: 'running a program',
  shell: 'an interactive shell',
  'file-read': 'reading a file',
  'file-write': 'writing a file',
  'file-remove': 'removing a file',
  forward: 'forwarding a port',
  environment: 'setting an environment variable',
  unknown: 'nobody knows',
};

export const accessWords: Readonly<Record<Access, string>> = {
  read: 'free of lasting change',
  session: 'changes only how this session goes on',
  write: 'lasting change',
  unknown: 'not known to be harmless',
};

export const objectKindWords: Readonly<Record<ObjectKind, string>> = {
  table: 'a table',
  view: 'a view',
  function: 'a function or procedure',
  schema: 'a schema',
  database: 'a database',
  role: 'a role or account',
  sequence: 'a sequence',
  setting: 'a setting',
  file: 'a file',
  program: 'a program',
  address: 'a network address',
  other: 'anything else',
  none: 'no object',
};

export const principalKindWords: Readonly<Record<PrincipalKind, string>> = {
  person: 'a human being',
  machine: 'a service or a job',
  'ai-agent': 'an AI agent',
};

/** Which actions each protocol can ask. */
export const protocolActions: Readonly<Record<Protocol, readonly ActionKind[]>> = {
  postgres: ['connect', 'statement', 'function-call', 'replication'],
  mysql: ['connect', 'statement', 'function-call', 'replication'],
  ssh: ['connect', 'command', 'shell', 'subsystem', 'file', 'forward', 'environment'],
};

/** Why a text was not understood. */
export const textProblemWords: Readonly<Record<Problem['kind'], string>> = {
  syntax: "the target's parser refuses it",
  'unknown-construct': 'a part of it is not known',
  'unknown-statement': 'a statement of it is not known',
  'too-large': 'it is too long to be read',
  encoding: 'its encoding is ambiguous',
  'ambiguous-mode': 'it can be read in two ways',
  'parser-gave-up': 'the parser did not come to an end',
};

/** How people sign in to a session of a target. */
export const signInMethods = ['token', 'browser', 'public-key', 'certificate'] as const;

export const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;

export const actionKinds = words(actionKindWords);
export const effectVerbs = words(verbWords);
export const accesses = words(accessWords);
export const objectKinds = words(objectKindWords);
export const principalKinds = words(principalKindWords);
export const textProblems = words(textProblemWords);
export const protocols = words(protocolActions);

function words<Word extends string>(record: Readonly<Record<Word, unknown>>): [Word, ...Word[]] {
  return Object.keys(record) as [Word, ...Word[]];
}
