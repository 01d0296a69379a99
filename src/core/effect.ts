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
  /**
   * The view or table that the text names where it does not name this one: a change of a view is one of the table behind it. Rules that deny
   * or hold see both; what allows the one that is named allows this too.
   */
  readonly through?: Pick<Effect, 'objectKind' | 'object'>;
}

/** Equal for effects that are the same. */
export function effectKey({ verb, access, objectKind, object, through }: Effect): string {
  const key = `${verb} ${access} ${objectKind} ${named(object)}`;
  return through === undefined ? key : `${key}\0through ${through.objectKind} ${named(through.object)}`;
}

function named(object: string | null): string {
  return object === null ? '-' : `=${object}`;
}

/** For people: "delete public.orders". */
export function effectWords({ verb, object, through }: Effect): string {
  const words = object === null ? verb : `${verb} ${object}`;
  return through?.object == null ? words : `${words} (through ${through.object})`;
}
