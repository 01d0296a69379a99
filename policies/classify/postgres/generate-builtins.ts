// Makes builtins.json from running servers: node policies/classify/postgres/generate-builtins.ts URL... > builtins.json
// Names are merged over all servers given; of two volatilities the stronger one wins. Run by hand when a major version appears.

import pg from 'pg';

interface Collected {
  readonly safe: Set<string>;
  readonly volatile: Set<string>;
  readonly operators: Set<string>;
  readonly types: Set<string>;
  readonly relations: Set<string>;
  readonly informationSchema: Set<string>;
  readonly informationSchemaRelations: Set<string>;
  readonly informationSchemaTypes: Set<string>;
}

const firstUserOid = 16384;

async function collect(url: string, into: Collected): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const names = async (sql: string): Promise<string[]> =>
    (await client.query({ text: sql, rowMode: 'array' })).rows.map((row) => String(row[0]));
  const add = (set: Set<string>, list: readonly string[]): void => {
    for (const name of list) set.add(name);
  };
  const inSchema = (schema: string, column: string): string => `${column} = '${schema}'::regnamespace and oid < ${firstUserOid}`;
  add(
    into.volatile,
    await names(`select distinct proname from pg_proc where provolatile = 'v' and ${inSchema('pg_catalog', 'pronamespace')}`),
  );
  add(
    into.safe,
    await names(`select distinct proname from pg_proc where provolatile <> 'v' and ${inSchema('pg_catalog', 'pronamespace')}`),
  );
  add(into.operators, await names(`select distinct oprname from pg_operator where ${inSchema('pg_catalog', 'oprnamespace')}`));
  add(into.types, await names(`select distinct typname from pg_type where ${inSchema('pg_catalog', 'typnamespace')}`));
  add(
    into.relations,
    await names(`select distinct relname from pg_class where relkind in ('r', 'v', 'm') and ${inSchema('pg_catalog', 'relnamespace')}`),
  );
  const information = 'information_schema';
  add(into.informationSchema, await names(`select distinct proname from pg_proc where ${inSchema(information, 'pronamespace')}`));
  add(into.informationSchemaTypes, await names(`select distinct typname from pg_type where ${inSchema(information, 'typnamespace')}`));
  add(
    into.informationSchemaRelations,
    await names(`select distinct relname from pg_class where relkind in ('r', 'v', 'm') and ${inSchema(information, 'relnamespace')}`),
  );
  await client.end();
}

const collected: Collected = {
  safe: new Set(),
  volatile: new Set(),
  operators: new Set(),
  types: new Set(),
  relations: new Set(),
  informationSchema: new Set(),
  informationSchemaRelations: new Set(),
  informationSchemaTypes: new Set(),
};
for (const url of process.argv.slice(2)) await collect(url, collected);
const sorted = (set: Set<string>, without: Set<string> = new Set()): string =>
  [...set]
    .filter((name) => !without.has(name))
    .sort()
    .join(' ');
const lists = {
  safe: sorted(collected.safe, collected.volatile),
  volatile: sorted(collected.volatile),
  operators: sorted(collected.operators),
  types: sorted(collected.types),
  relations: sorted(collected.relations),
  informationSchema: sorted(collected.informationSchema),
  informationSchemaRelations: sorted(collected.informationSchemaRelations),
  informationSchemaTypes: sorted(collected.informationSchemaTypes),
};
process.stdout.write(`${JSON.stringify(lists, null, 2)}\n`);
