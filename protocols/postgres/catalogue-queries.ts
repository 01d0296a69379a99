// What is asked of a database about its own objects: queries for the gateway's own connection (run them in one READ ONLY transaction
// with a lock_timeout). System objects are left out, so it stays small.

import { followers, support } from './catalogue-following.ts';
import type { CatalogueRow } from './catalogue-row.ts';

/** OIDs below this belong to the system. */
export const firstUserOid = 16384;

const user = (column: string): string => `${column} >= ${firstUserOid}`;

const session = `
  select pg_catalog.current_setting('search_path') as search_path, current_user::pg_catalog.text as account`;

/** Names of those of these functions that are the server's own. */
const serverFunctionsIn = (oids: string): string =>
  `(select pg_catalog.string_agg(distinct s.proname, ' ') from pg_catalog.pg_proc s where s.oid < ${firstUserOid} and s.oid in (${oids}))`;

const aggregateParts = `a.aggtransfn::pg_catalog.oid, a.aggfinalfn::pg_catalog.oid, a.aggcombinefn::pg_catalog.oid, a.aggserialfn::pg_catalog.oid, a.aggdeserialfn::pg_catalog.oid, a.aggmtransfn::pg_catalog.oid, a.aggminvtransfn::pg_catalog.oid, a.aggmfinalfn::pg_catalog.oid`;

const functions = `
  select p.oid::pg_catalog.text as id, n.nspname as schema, p.proname as name, p.prokind::pg_catalog.text as kind,
    p.provolatile::pg_catalog.text as volatility, l.lanname as language, e.extname as extension, p.pronargs::pg_catalog.text as arguments,
    case when l.lanname in ('sql', 'plpgsql') and e.oid is null and p.prokind in ('f', 'w')
      then case when p.prosrc <> '' then p.prosrc else pg_catalog.pg_get_functiondef(p.oid) end end as body,
    (select pg_catalog.substr(c, 13) from pg_catalog.unnest(p.proconfig) c where pg_catalog.left(c, 12) = 'search_path=' limit 1) as search_path,
    pg_catalog.concat_ws(' ', ${aggregateParts}) as parts,
    ${serverFunctionsIn(aggregateParts)} as builtins
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
  left join pg_catalog.pg_aggregate a on a.aggfnoid = p.oid
  left join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e'
  left join pg_catalog.pg_extension e on e.oid = d.refobjid
  where ${user('p.oid')}`;

const operators = `
  select n.nspname as schema, o.oprname as name, o.oprcode::pg_catalog.oid::pg_catalog.text as code,
    ${serverFunctionsIn('o.oprcode::pg_catalog.oid')} as builtins,
    pg_catalog.concat_ws(' ', o.oprleft, o.oprright) as sides
  from pg_catalog.pg_operator o join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
  where ${user('o.oid')}`;

/**
 * With the functions of a type of its own, and what it is made of: base type, subtype of a range, range of a multirange
 * (by its cast: older servers have no column for it), element of an array. `behind`: the
 * server has one of that name, which is found first.
 */
const types = `
  select t.oid::pg_catalog.text as id, n.nspname as schema, t.typname as name,
    (exists (select from pg_catalog.pg_type s where s.typname = t.typname and s.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
      and s.oid < ${firstUserOid}))::pg_catalog.text as behind,
    pg_catalog.concat_ws(' ', t.typinput::pg_catalog.oid, t.typoutput::pg_catalog.oid, t.typreceive::pg_catalog.oid, t.typsend::pg_catalog.oid,
      t.typmodin::pg_catalog.oid, t.typmodout::pg_catalog.oid, r.rngcanonical::pg_catalog.oid, r.rngsubdiff::pg_catalog.oid) as functions,
    pg_catalog.concat_ws(' ', t.typbasetype, t.typelem, r.rngsubtype, (select pg_catalog.string_agg(c.castsource::pg_catalog.text, ' ')
      from pg_catalog.pg_cast c where c.casttarget = t.oid and t.typtype = 'm')) as parts, t.typrelid::pg_catalog.text as relation
  from pg_catalog.pg_type t
  join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  left join pg_catalog.pg_range r on r.rngtypid = t.oid
  left join pg_catalog.pg_class c on c.oid = t.typrelid
  where ${user('t.oid')} and (c.relkind is null or c.relkind in ('r', 'v', 'm', 'f', 'p', 'c')) and pg_catalog.left(n.nspname, 8) <> 'pg_toast'`;

const casts = `
  select pg_catalog.concat_ws(' ', c.castsource, c.casttarget) as sides, c.castfunc::pg_catalog.oid::pg_catalog.text as code,
    c.castcontext::pg_catalog.text as context, ${serverFunctionsIn('c.castfunc')} as builtins
  from pg_catalog.pg_cast c where ${user('c.oid')} and c.castfunc <> 0`;

/** Relations that nobody can open now: a schema change of theirs is not committed, or waits. pg_get_viewdef would wait for them. */
const locked = `
  select l.relation from pg_catalog.pg_locks l join pg_catalog.pg_database d on d.oid = l.database
  where l.mode = 'AccessExclusiveLock' and l.locktype = 'relation' and d.datname = pg_catalog.current_database()`;

/** A view that is locked, or reads what is locked: its definition is not known now, so that it is masked whole. */
const isLockedView = `(c.oid in (select relation from locked) or exists (
      select from pg_catalog.pg_rewrite w join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = w.oid
      where w.ev_class = c.oid and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid in (select relation from locked)))`;

const relations = `
  with locked as materialized (${locked})
  select c.oid::pg_catalog.text as id, n.nspname as schema, c.relname as name, c.relkind::pg_catalog.text as kind,
    c.relispartition::pg_catalog.text as is_partition,
    (select pg_catalog.json_agg(a.attname order by a.attnum)::pg_catalog.text
      from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select pg_catalog.string_agg(a.attnum::pg_catalog.text, ' ' order by a.attnum)
      from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as attributes,
    (select pg_catalog.string_agg(i.inhparent::pg_catalog.text, ' ' order by i.inhparent)
      from pg_catalog.pg_inherits i where i.inhrelid = c.oid) as parents,
    (select pg_catalog.string_agg(g.adnum || ':' || d.refobjsubid, ' ' order by g.adnum, d.refobjsubid)
      from pg_catalog.pg_attrdef g join pg_catalog.pg_attribute a on a.attrelid = g.adrelid and a.attnum = g.adnum and a.attgenerated <> ''
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and d.objid = g.oid
        and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = g.adrelid and d.refobjsubid <> g.adnum
      where g.adrelid = c.oid) as generated,
    case when c.relkind in ('v', 'm') and not ${isLockedView} then pg_catalog.pg_get_viewdef(c.oid) end as definition,
    (select pg_catalog.string_agg(distinct a.atttypid::pg_catalog.text, ' ')
      from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and ${user('a.atttypid')}) as types,
    (exists (select from pg_catalog.pg_trigger t where not t.tgisinternal and t.tgrelid = c.oid)
      or exists (select from pg_catalog.pg_rewrite w where w.ev_class = c.oid and w.ev_type <> '1'))::pg_catalog.text as reacts
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where ${user('c.oid')} and c.relkind in ('r', 'v', 'm', 'f', 'p', 'S', 'c') and pg_catalog.left(n.nspname, 8) <> 'pg_toast'`;

/** What one kind of definition refers to, by the index on pg_depend: one arm each, as the planner has no idea of a union's size. */
const dependenciesOf = (catalogue: string, id: string, owner: string, runs: string, from: string): string => `
  select ${owner} as owner, ${runs} as runs, d.refclassid, d.refobjid
  from ${from} join pg_catalog.pg_depend d on d.classid = 'pg_catalog.${catalogue}'::pg_catalog.regclass and d.objid = ${id}
  where ${user('d.refobjid')} and d.deptype in ('n', 'a', 'i')`;

/** Who owns a definition that runs (relation, domain, function), when it runs (r: read, w: write, t: with the type, f: at a call), what it refers to. */
const dependencies = `
  with found as (${[
    dependenciesOf('pg_rewrite', 'w.oid', 'w.ev_class', `case when w.ev_type = '1' then 'r' else 'w' end`, 'pg_catalog.pg_rewrite w'),
    dependenciesOf('pg_policy', 'p.oid', 'p.polrelid', `'r'`, 'pg_catalog.pg_policy p'),
    dependenciesOf(
      'pg_attrdef',
      'a.oid',
      'a.adrelid',
      `case when c.attgenerated::pg_catalog.text = 'v' then 'r' else 'w' end`,
      'pg_catalog.pg_attrdef a join pg_catalog.pg_attribute c on c.attrelid = a.adrelid and c.attnum = a.adnum',
    ),
    dependenciesOf(
      'pg_constraint',
      'k.oid',
      'case when k.contypid <> 0 then k.contypid else k.conrelid end',
      `case when k.contypid <> 0 then 't' else 'w' end`,
      `(select * from pg_catalog.pg_constraint where contype = 'c' and ${user('oid')}) k`,
    ),
    dependenciesOf(
      'pg_type',
      't.oid',
      't.oid',
      `'w'`,
      `(select * from pg_catalog.pg_type where typtype = 'd' and typdefaultbin is not null and ${user('oid')}) t`,
    ),
    dependenciesOf('pg_class', 'i.indexrelid', 'i.indrelid', `'w'`, `(select * from pg_catalog.pg_index where ${user('indexrelid')}) i`),
    dependenciesOf('pg_proc', 'p.oid', 'p.oid', `'f'`, `(select * from pg_catalog.pg_proc where ${user('oid')}) p`),
  ].join(' union all ')}
  )
  select distinct x.owner::pg_catalog.text as owner, x.runs as runs,
    case x.refclassid when 'pg_catalog.pg_class'::pg_catalog.regclass then 'relations' when 'pg_catalog.pg_type'::pg_catalog.regclass then 'types'
      else 'functions' end as kind,
    case when x.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass
      then (select o.oprcode::pg_catalog.oid from pg_catalog.pg_operator o where o.oid = x.refobjid) else x.refobjid end::pg_catalog.text as id
  from found x
  where x.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass,
    'pg_catalog.pg_type'::pg_catalog.regclass, 'pg_catalog.pg_class'::pg_catalog.regclass)`;

/**
 * Built-in functions are not in pg_depend: their numbers are taken out of the stored trees of views, policies, checks, and defaults of
 * columns, domains and arguments.
 */
const builtins = `
  with trees as (
    select w.ev_class as owner, 'r' as runs, w.ev_action::pg_catalog.text as tree from pg_catalog.pg_rewrite w where ${user('w.oid')} and w.ev_type = '1'
    union all
    select p.polrelid, 'r', p.polqual::pg_catalog.text from pg_catalog.pg_policy p where p.polqual is not null
    union all
    select p.polrelid, 'w', p.polwithcheck::pg_catalog.text from pg_catalog.pg_policy p where p.polwithcheck is not null
    union all
    select case when k.contypid <> 0 then k.contypid else k.conrelid end, case when k.contypid <> 0 then 't' else 'w' end, k.conbin::pg_catalog.text
    from pg_catalog.pg_constraint k where k.contype = 'c' and ${user('k.oid')}
    union all
    select a.adrelid, 'w', a.adbin::pg_catalog.text from pg_catalog.pg_attrdef a
    union all
    select t.oid, 'w', t.typdefaultbin::pg_catalog.text from pg_catalog.pg_type t where t.typdefaultbin is not null and ${user('t.oid')}
    union all
    select p.oid, 'f', p.proargdefaults::pg_catalog.text from pg_catalog.pg_proc p where p.proargdefaults is not null and ${user('p.oid')}
  ), pieces as (
    select t.owner, t.runs, pg_catalog.unnest(pg_catalog.string_to_array(t.tree, m.mark)) as piece
    from trees t cross join (values (':funcid '), (':aggfnoid '), (':winfnoid '), (':opfuncid ')) m(mark)
  )
  select distinct x.owner::pg_catalog.text as owner, x.runs as runs, p.proname as name
  from (select distinct owner, runs, pg_catalog.split_part(pg_catalog.left(piece, 11), ' ', 1) as id from pieces) x
  join pg_catalog.pg_proc p on p.oid::pg_catalog.text = x.id
  where p.oid < ${firstUserOid}`;

/** Every column of every query is text. */
export const catalogueQueries = {
  session,
  functions,
  operators,
  types,
  casts,
  relations,
  dependencies,
  builtins,
  followers,
  support,
} as const;

export type CatalogueQuery = keyof typeof catalogueQueries;

/** The rows of every query. */
export type CatalogueRows = Readonly<Record<CatalogueQuery, readonly CatalogueRow[]>>;
