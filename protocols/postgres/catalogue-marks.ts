// One short question that tells whether anything the catalogue is made of has changed since it was read: the set of row versions
// of every system table that its queries look at. A row version never comes back: its place (ctid) is only used again by a later
// transaction (xmin). Rows of the system's own are left out where the catalogue leaves them out as well.

/** OIDs below this belong to the system. */
const firstUserOid = 16384;

const user = (column: string): string => `${column} >= ${firstUserOid}`;

/** System tables that catalogueQueries read, and what pg_get_viewdef and pg_get_functiondef take names from; with their rows that count. */
const tables: Readonly<Record<string, string>> = {
  pg_aggregate: user('x.aggfnoid'),
  pg_amop: user('x.oid'),
  pg_amproc: user('x.oid'),
  pg_attrdef: 'true',
  pg_attribute: `${user('x.attrelid')} and x.attnum > 0`,
  pg_cast: 'true',
  pg_class: `${user('x.oid')} and x.relkind not in ('i', 'I', 't')`,
  pg_collation: user('x.oid'),
  pg_constraint: user('x.oid'),
  pg_depend: `(${user('x.objid')} or ${user('x.refobjid')})`,
  pg_extension: 'true',
  pg_index: user('x.indexrelid'),
  pg_inherits: 'true',
  pg_language: 'true',
  pg_namespace: 'true',
  pg_opclass: user('x.oid'),
  pg_operator: user('x.oid'),
  pg_partitioned_table: 'true',
  pg_policy: 'true',
  pg_proc: user('x.oid'),
  pg_range: 'true',
  pg_rewrite: user('x.oid'),
  pg_trigger: 'true',
  pg_type: user('x.oid'),
};

/** Settings of roles and databases: they hold for new connections, so one that is kept would not see them. */
const settings = 'pg_db_role_setting';

/** `seed` (an integer of 63 bits) is not told to anybody, so that nobody makes two different sets look alike. */
const markOf = (table: string, rows: string, seed: bigint): string =>
  `(select pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(x.ctid::pg_catalog.text || x.xmin::pg_catalog.text, ${seed})))
    from pg_catalog.${table} x where ${rows}) as ${table}`;

/**
 * One row. `server` and `settings` are what a connection must have begun with to be used; `account` and `search_path` what
 * the catalogue says of the session. Needs PostgreSQL 11.
 */
export function marksQuery(seed: bigint): string {
  return `select ${[
    'pg_catalog.pg_postmaster_start_time()::pg_catalog.text as server',
    'current_user::pg_catalog.text as account',
    `pg_catalog.current_setting('search_path') as search_path`,
    markOf(settings, 'true', seed),
    ...Object.entries(tables).map(([table, rows]) => markOf(table, rows, seed)),
  ].join(', ')}`;
}

/** Of a row of marksQuery: what a connection kept open does not follow. */
export function beginningOf(marks: Readonly<Record<string, string | null>>): string {
  return `${marks['server'] ?? ''} ${marks[settings] ?? ''}`;
}
