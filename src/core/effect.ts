// What an action would do: a verb on an object. Policies match on these, never on text.

/** `read` is free of lasting change; `session` changes only how this session goes on; `unknown` is never harmless. */
export type Access = 'read' | 'session' | 'write' | 'unknown';

export type EffectVerb =
  // rows
  | 'read'
  | 'insert'
  | 'update'
  | 'delete'
  | 'truncate'
  | 'bulk-load'
  | 'export'
  // schema and rights
  | 'create'
  | 'alter'
  | 'drop'
  | 'rename'
  | 'privilege'
  | 'maintenance'
  // code and side doors
  | 'call'
  | 'code'
  | 'server-file'
  | 'server-program'
  | 'network'
  | 'large-object'
  | 'sequence'
  // others on the same server
  | 'lock'
  | 'notify'
  | 'admin'
  | 'replication'
  // this session
  | 'explain'
  | 'session'
  | 'guard'
  | 'transaction'
  | 'prepare'
  | 'cursor'
  // SSH and files
  | 'run'
  | 'shell'
  | 'file-read'
  | 'file-write'
  | 'file-remove'
  | 'forward'
  | 'environment'
  | 'unknown';

export type ObjectKind =
  | 'table'
  | 'view'
  | 'function'
  | 'schema'
  | 'database'
  | 'role'
  | 'sequence'
  | 'setting'
  | 'file'
  | 'program'
  | 'address'
  | 'other'
  | 'none';

export interface Effect {
  readonly verb: EffectVerb;
  readonly access: Access;
  readonly objectKind: ObjectKind;
  /** Normalised as the server would name it, schema first where it is known ("public.orders"); null when there is none. */
  readonly object: string | null;
}
