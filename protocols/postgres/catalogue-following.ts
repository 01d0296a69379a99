// What follows from a change without being said in it, and code that hangs on the server's own types: the catalogue's queries for foreign
// keys that delete or change rows along, for support functions of operator classes, and the pure reading of their rows.

import type { CatalogueFollower, References } from '../../src/core/catalogue.ts';
import type { CatalogueRow } from './catalogue-row.ts';

/** OIDs below this belong to the system. */
const firstUserOid = 16384;

const namesOf = (table: string, columns: string): string => `
    (select pg_catalog.json_agg(a.attname)::pg_catalog.text from pg_catalog.pg_attribute a where a.attrelid = ${table} and a.attnum = any (${columns}))`;

/** Of a key that a partition took over from its parent only the parent's is kept; where the referenced table is the partition, its own. */
export const followers = `
  select k.confrelid::pg_catalog.text as owner, k.conrelid::pg_catalog.text as follower, k.confdeltype::pg_catalog.text as on_delete,
    k.confupdtype::pg_catalog.text as on_update, ${namesOf('k.confrelid', 'k.confkey')} as columns, ${namesOf('k.conrelid', 'k.conkey')} as changed
  from pg_catalog.pg_constraint k left join pg_catalog.pg_constraint q on q.oid = k.conparentid
  where k.contype = 'f' and (k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd')) and (q.oid is null or q.confrelid <> k.confrelid)
  order by k.oid`;

/** Who runs the support functions that somebody wrote (those in C are the access method's own): indexes and partitions, ranges, sorting. */
export const support = `
  with written as (
    select p.amprocfamily as family, p.amproclefttype as one, p.amprocrighttype as other, p.amproc::pg_catalog.oid as code
    from pg_catalog.pg_amproc p where p.oid >= ${firstUserOid}
    union
    select m.amopfamily, m.amoplefttype, m.amoprighttype, o.oprcode::pg_catalog.oid
    from pg_catalog.pg_amop m join pg_catalog.pg_operator o on o.oid = m.amopopr where m.oid >= ${firstUserOid}
  ), code as (
    select w.* from written w join pg_catalog.pg_proc f on f.oid = w.code join pg_catalog.pg_language l on l.oid = f.prolang
    where l.lanname not in ('internal', 'c')
  )
  select distinct x.runs as runs, x.owner::pg_catalog.text as owner, x.code::pg_catalog.text as code from (
    select 'r' as runs, i.indrelid as owner, c.code
    from code c join pg_catalog.pg_opclass o on o.opcfamily = c.family join pg_catalog.pg_index i on o.oid = any (i.indclass)
    union all
    select 'r', t.partrelid, c.code
    from code c join pg_catalog.pg_opclass o on o.opcfamily = c.family join pg_catalog.pg_partitioned_table t on o.oid = any (t.partclass)
    union all
    select 't', g.rngtypid, c.code
    from code c join pg_catalog.pg_opclass o on o.opcfamily = c.family join pg_catalog.pg_range g on g.rngsubopc = o.oid
    union all
    select 't', t.id, c.code
    from code c join pg_catalog.pg_opclass o on o.opcfamily = c.family cross join lateral (values (o.opcintype), (c.one), (c.other)) t(id)
    where o.opcdefault or t.id >= ${firstUserOid}
  ) x`;

/** Rows of `support` or casts whose owner is a type of the server's own. */
export function isOfServer(type: string): boolean {
  return Number(type) < firstUserOid;
}

/** What the casts between types of the server's own run, and the sorting of such types. */
export function serverTypesOf(
  casts: readonly CatalogueRow[],
  supports: readonly CatalogueRow[],
): { implicit: References; named: References } {
  const [implicit, named] = [new Code(), new Code()];
  for (const { sides, code, context, builtins } of casts)
    if ((sides ?? '').split(' ').every(isOfServer)) (context === 'e' ? named : implicit).add(code, builtins);
  for (const { runs, owner, code } of supports) if (runs === 't' && isOfServer(owner ?? '')) implicit.add(code, null);
  return { implicit: implicit.references, named: named.references };
}

class Code {
  readonly #functions = new Set<string>();
  readonly #builtins = new Set<string>();

  add(code: string | null | undefined, builtin: string | null | undefined): void {
    if (typeof builtin === 'string') this.#builtins.add(builtin);
    else if (typeof code === 'string') this.#functions.add(code);
  }

  get references(): References {
    return { functions: [...this.#functions].sort(), types: [], relations: [], builtins: [...this.#builtins].sort() };
  }
}

/** By the table whose rows are referred to. */
export function followersByOwner(rows: readonly CatalogueRow[]): ReadonlyMap<string, readonly CatalogueFollower[]> {
  const found = new Map<string, CatalogueFollower[]>();
  for (const row of rows) {
    const follower: CatalogueFollower = {
      relation: row['follower'] ?? '',
      onDelete: row['on_delete'] === 'c' ? 'delete' : isSet(row['on_delete']) ? 'update' : null,
      onUpdate: row['on_update'] === 'c' || isSet(row['on_update']),
      columns: JSON.parse(row['columns'] ?? '[]') as string[],
      changed: JSON.parse(row['changed'] ?? '[]') as string[],
    };
    const owner = row['owner'] ?? '';
    found.set(owner, [...(found.get(owner) ?? []), follower]);
  }
  return found;
}

/** SET NULL, SET DEFAULT. */
function isSet(action: string | null | undefined): boolean {
  return action === 'n' || action === 'd';
}
