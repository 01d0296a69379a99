// The fixture database and its catalogue, as a driver would load it.

import { readFileSync } from 'node:fs';
import {
  catalogueQueries,
  readCatalogue,
  type CatalogueQuery,
  type CatalogueRow,
  type CatalogueRows,
} from '../../protocols/postgres/catalogue.ts';
import type { Catalogue } from '../../src/core/action.ts';
import { startServer, type TestServer } from './postgres-classify-server.ts';

export interface FixtureServer extends TestServer {
  readonly catalogue: Catalogue;
}

export async function startFixture(): Promise<FixtureServer> {
  const server = await startServer();
  await server.client.query(readFileSync(new URL('postgres-fixture.sql', import.meta.url), 'utf8'));
  await server.client.query('BEGIN READ ONLY');
  const rows: Partial<Record<CatalogueQuery, CatalogueRow[]>> = {};
  for (const [name, text] of Object.entries(catalogueQueries)) {
    rows[name as CatalogueQuery] = (await server.client.query<Record<string, string | null>>(text)).rows;
  }
  await server.client.query('COMMIT');
  return { client: server.client, close: () => server.close(), catalogue: { version: '1', content: readCatalogue(rows as CatalogueRows) } };
}
