// The questions of a preview, for the gateway's own connection. They name tables of pg_catalog and built-in functions only, in a
// read-only transaction with a pinned search_path. No user's table is planned over (planning folds the IMMUTABLE functions of
// index expressions, policies and checks), no value of a user's type is printed, and names go in as bytes, never as SQL.

/** A relation or schema, as the classifier names it. */
export interface AskedName {
  readonly schema: string | null;
  readonly name: string;
}

/** Built-in objects are below; their output functions run nothing of anybody's. */
const firstUserOid = 16384;
/** Own limits of the server for each question: a preview is not worth waiting longer. */
export const statementMsMax = 3_000;
const lockMsMax = 500;
/** Rows of one answer. */
export const rowsMax = 500;
const depthMax = 30;
const valueCharsMax = 200;

/** Comes first in the transaction. From here on every bare name is one of pg_catalog. */
export const pinned = [
  `SET LOCAL search_path = pg_catalog, pg_temp`,
  `SET LOCAL statement_timeout = ${statementMsMax}`,
  `SET LOCAL lock_timeout = ${lockMsMax}`,
  `SET LOCAL datestyle = 'ISO, YMD'`,
  `SET LOCAL timezone = 'UTC'`,
  `SET LOCAL max_parallel_workers_per_gather = 0`,
].join('; ');

/** A text as its UTF-8 bytes in hex: nothing in it can end the literal. */
export function literal(text: string | null): string {
  if (text === null) return 'null::text';
  return `convert_from(decode('${Buffer.from(text, 'utf8').toString('hex')}', 'hex'), 'UTF8')`;
}

function values(names: readonly AskedName[]): string {
  return names.map(({ schema, name }, at) => `(${at}, ${literal(schema)}, ${literal(name)})`).join(', ');
}

/**
 * What the names are, with size and the statistics of rows: of a partitioned table its partitions together. The size of a table
 * that somebody locks exclusively is not asked for, because asking would wait.
 */
export function relationsQuery(names: readonly AskedName[]): string {
  return `
  with recursive asked(at, schema, name) as (values ${values(names)}),
  named as (
    select a.at, c.oid, n.nspname, c.relname, c.relkind, (c.relrowsecurity)::text as guarded,
      (c.relpersistence = 't')::text as temporary
    from asked a join pg_class c on c.relname = a.name and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I')
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = a.schema or (a.schema is null and c.oid >= ${firstUserOid})
  ),
  family(root, oid) as (
    select oid, oid from named
    union
    select f.root, i.inhrelid from family f join pg_inherits i on i.inhparent = f.oid
    join pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p', 'f')
  ),
  sized as (
    select f.root, c.oid, c.relkind, c.reltuples, c.relpages,
      case when c.relkind not in ('r', 'm', 'S', 'i') or exists (
        select from pg_locks l where l.relation = c.oid and l.mode = 'AccessExclusiveLock'
          and l.database = (select d.oid from pg_database d where d.datname = current_database())
      ) then null else c.oid end as measured
    from family f join pg_class c on c.oid = f.oid
  ),
  measured as (
    select s.root, s.relkind, s.reltuples, s.relpages,
      case when s.measured is null then s.relpages::bigint else pg_relation_size(s.measured) / current_setting('block_size')::bigint end as pages,
      case when s.measured is null then null else pg_total_relation_size(s.measured) end as bytes,
      (select sum(case when t.attlen > 0 then t.attlen else 32 end) from pg_attribute t
        where t.attrelid = s.oid and t.attnum > 0 and not t.attisdropped) as width
    from sized s
  )
  select n.at::text as at, n.oid::text as id, n.nspname as schema, n.relname as name, n.relkind::text as kind, n.guarded, n.temporary,
    (select sum(case when m.relkind not in ('r', 'm') then 0
        when m.reltuples >= 0 and m.relpages > 0 then m.reltuples / m.relpages * m.pages
        when m.reltuples > 0 then m.reltuples
        else m.pages * ((current_setting('block_size')::bigint - 24) / (coalesce(m.width, 0) + 28)) end)::bigint::text
      from measured m where m.root = n.oid) as rows,
    (select bool_and(m.reltuples >= 0 and (m.relpages > 0 or m.pages = 0)) filter (where m.relkind in ('r', 'm'))::text
      from measured m where m.root = n.oid) as analysed,
    (select sum(m.reltuples) filter (where m.relkind in ('r', 'm') and m.reltuples > 0) from measured m where m.root = n.oid)::bigint::text as counted,
    (select bool_or(m.bytes is null) filter (where m.relkind in ('r', 'm'))::text from measured m where m.root = n.oid) as unmeasured,
    (select sum(m.bytes)::text from measured m where m.root = n.oid) as bytes
  from named n order by n.at limit ${rowsMax}`;
}

export interface AskedColumn {
  readonly table: string;
  readonly column: string;
}

/** What the planner's statistics say of columns. Values of types of users' own stay unread: printing them could run their code. */
export function columnsQuery(asked: readonly AskedColumn[]): string {
  const rows = asked.map(({ table, column }) => `(${oid(table)}, ${literal(column)})`).join(', ');
  return `
  with asked(relation, name) as (values ${rows})
  select a.relation::text as id, a.name as column, ty.typname as type, ty.typcategory::text as category,
    (t.atttypid < ${firstUserOid})::text as readable, s.null_frac::text as nulls, s.n_distinct::text as distinct,
    case when t.atttypid < ${firstUserOid} then array_to_json(s.most_common_vals::text::text[])::text end as common,
    array_to_json(s.most_common_freqs)::text as fractions,
    case when t.atttypid < ${firstUserOid} and ty.typcategory in ('N', 'D')
      then array_to_json(s.histogram_bounds::text::text[])::text end as bounds,
    (exists (select from pg_index i where i.indrelid = a.relation and i.indisunique and i.indisvalid and i.indpred is null
      and i.indnkeyatts = 1 and i.indkey[0] = t.attnum))::text as single
  from asked a
  join pg_class c on c.oid = a.relation join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute t on t.attrelid = a.relation and t.attname = a.name and t.attnum > 0 and not t.attisdropped
  join pg_type ty on ty.oid = t.atttypid
  left join lateral (
    select * from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname and s.attname = t.attname
    order by s.inherited desc limit 1
  ) s on pg_column_size(coalesce(s.most_common_freqs, array[]::real[])) < 100000
  limit ${rowsMax}`;
}

/** Who holds or waits for locks on these tables now, other than this connection. */
export function locksQuery(tables: readonly string[]): string {
  return `
  select l.relation::text as id, l.mode, l.granted::text, count(distinct l.pid)::text as sessions,
    (extract(epoch from max(clock_timestamp() - a.xact_start)) * 1000)::bigint::text as age
  from pg_locks l left join pg_stat_activity a on a.pid = l.pid
  where l.locktype = 'relation' and l.database = (select d.oid from pg_database d where d.datname = current_database())
    and l.relation in (${tables.map(oid).join(', ')}) and l.pid <> pg_backend_pid()
  group by 1, 2, 3 limit ${rowsMax}`;
}

/** Foreign keys that point at these tables, through those that pass a deletion on. */
export function referencesQuery(tables: readonly string[]): string {
  return `
  with recursive pointing(start, oid, conname, conrelid, confrelid, rule, depth) as (
    select k.confrelid, k.oid, k.conname, k.conrelid, k.confrelid, k.confdeltype, 0
    from pg_constraint k where k.contype = 'f' and k.conparentid = 0 and k.confrelid in (${tables.map(oid).join(', ')})
    union
    select p.start, k.oid, k.conname, k.conrelid, k.confrelid, k.confdeltype, p.depth + 1
    from pointing p join pg_constraint k on k.confrelid = p.conrelid and k.contype = 'f' and k.conparentid = 0
    where p.rule = 'c' and p.depth < ${depthMax}
  )
  select distinct on (p.start, p.oid) p.start::text as id, p.conname as name, p.rule::text as rule,
    format('%s.%s', n.nspname, c.relname) as table, (p.conrelid = p.start)::text as itself
  from pointing p join pg_class c on c.oid = p.conrelid join pg_namespace n on n.oid = c.relnamespace limit ${rowsMax}`;
}

/** Triggers of users that fire on these tables, with the events as in pg_trigger.tgtype. */
export function triggersQuery(tables: readonly string[]): string {
  return `
  select t.tgrelid::text as id, t.tgname as name, t.tgtype::text as type, format('%s.%s', n.nspname, p.proname) as function
  from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
  where not t.tgisinternal and t.tgenabled <> 'D' and t.tgrelid in (${tables.map(oid).join(', ')}) limit ${rowsMax}`;
}

/** Where a search for dependents begins. */
export type DropStart =
  | { readonly kind: 'relation'; readonly id: string }
  | { readonly kind: 'column'; readonly id: string; readonly column: string }
  | { readonly kind: 'schema'; readonly name: string }
  | { readonly kind: 'function'; readonly schema: string | null; readonly name: string };

/**
 * All that hangs on these objects, as DROP … CASCADE would find it (pg_depend; a rule stands for its view). `own` are parts that go
 * along in any case; the others stop a DROP without CASCADE. The words are the server's own description.
 */
export function dependentsQuery(starts: readonly DropStart[]): string {
  return `
  with recursive start(classid, objid, objsubid) as (${starts.map(startOf).join(' union all ')}),
  found(classid, objid, objsubid, outside, depth) as (
    select classid, objid, objsubid, false, 0 from start
    union
    select case when w.oid is null then d.classid else 'pg_class'::regclass::oid end, coalesce(w.ev_class, d.objid),
      case when w.oid is null then d.objsubid else 0 end, f.outside or d.deptype = 'n', f.depth + 1
    from found f
    join pg_depend d on d.refclassid = f.classid and d.refobjid = f.objid and (f.objsubid = 0 or d.refobjsubid = f.objsubid)
    left join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
    where d.deptype in ('n', 'a', 'i', 'P', 'S') and f.depth < ${depthMax} and d.objid >= ${firstUserOid}
  ),
  each as (
    select f.classid, f.objid, f.objsubid, bool_and(f.outside) as outside from found f
    where not exists (select from start s where s.classid = f.classid and s.objid = f.objid and s.objsubid in (0, f.objsubid))
    group by 1, 2, 3
  )
  select left(pg_describe_object(e.classid, e.objid, e.objsubid), ${valueCharsMax}) as what, (not e.outside)::text as own
  from each e
  left join pg_class c on e.classid = 'pg_class'::regclass and c.oid = e.objid
  left join pg_constraint k on e.classid = 'pg_constraint'::regclass and k.oid = e.objid
  left join pg_type y on e.classid = 'pg_type'::regclass and y.oid = e.objid
  left join pg_trigger t on e.classid = 'pg_trigger'::regclass and t.oid = e.objid
  where (c.oid is not null and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S'))
    or (k.oid is not null and k.contype = 'f' and e.outside and k.conparentid = 0)
    or (t.oid is not null and not t.tgisinternal)
    or e.classid in ('pg_proc'::regclass, 'pg_policy'::regclass)
    or (e.classid = 'pg_attrdef'::regclass and e.outside)
    or (y.oid is not null and e.outside and y.typtype in ('d', 'e', 'r') and y.typcategory <> 'A')
  order by e.outside desc, 1 limit ${rowsMax}`;
}

function startOf(start: DropStart): string {
  switch (start.kind) {
    case 'relation':
      return `select 'pg_class'::regclass::oid, ${oid(start.id)}, 0`;
    case 'column':
      return `select 'pg_class'::regclass::oid, attrelid, attnum::int from pg_attribute where attrelid = ${oid(start.id)} and attname = ${literal(start.column)}`;
    case 'schema':
      return `select 'pg_namespace'::regclass::oid, oid, 0 from pg_namespace where nspname = ${literal(start.name)}`;
    case 'function':
      return `select 'pg_proc'::regclass::oid, p.oid, 0 from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where p.proname = ${literal(start.name)} and p.oid >= ${firstUserOid} and (${literal(start.schema)} is null or n.nspname = ${literal(start.schema)})`;
  }
}

/** Only digits get through: it came from the catalogue itself. */
function oid(id: string): string {
  if (!/^\d{1,10}$/.test(id)) throw new RangeError('not an object number');
  return `${id}::oid`;
}
