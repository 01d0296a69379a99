// The fixture database and its catalogue, as a driver would load it.

import { readFileSync } from 'node:fs';
import { catalogueQueries } from '../../protocols/postgres/catalogue-queries.ts';
import type { CatalogueRow } from '../../protocols/postgres/catalogue-row.ts';
import type { CatalogueQuery, CatalogueRows } from '../../protocols/postgres/catalogue-queries.ts';
import { readCatalogue } from '../../protocols/postgres/catalogue.ts';
import type { Catalogue } from '../../src/core/action.ts';
import type pg from 'pg';
import type { Teardown } from '../support/directories.ts';
import { startPostgres } from '../support/postgres.ts';

export interface Fixture {
  readonly client: pg.Client;
  readonly catalogue: Catalogue;
}

export async function startFixture(t: Teardown): Promise<Fixture> {
  const client = await (await startPostgres(t)).connect();
  await client.query(readFileSync(new URL('postgres-fixture.sql', import.meta.url), 'utf8'));
  return { client, catalogue: await loadCatalogue(client, '1') };
}

/** The catalogue of a connection's database, as it is now. */
export async function loadCatalogue(client: pg.Client, version: string): Promise<Catalogue> {
  await client.query('BEGIN READ ONLY');
  const rows: Partial<Record<CatalogueQuery, CatalogueRow[]>> = {};
  for (const [name, text] of Object.entries(catalogueQueries)) {
    rows[name as CatalogueQuery] = (await client.query<Record<string, string | null>>(text)).rows;
  }
  await client.query('COMMIT');
  return { version, content: readCatalogue(rows as CatalogueRows) };
}
