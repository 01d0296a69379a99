// The tables of a target that a test file names, in the place of the catalogue that a gateway reads from the target itself: stars stand for
// their columns. The target's functions and views are not in it.

import type { Action, Catalogue } from '../core/action.ts';
import type { SqlCatalogue } from '../core/catalogue.ts';
import type { Protocol } from '../core/target.ts';

/** Columns by table: "customers" or "public.customers". */
export type Tables = Readonly<Record<string, readonly string[]>>;

/** The schema of a table that is named without one. */
export function schemaUsual(protocol: Protocol, { mode }: Action): string {
  return protocol === 'postgres' ? 'public' : (mode.settings['database'] ?? 'database');
}

/** The action as it would be read where these are the tables; itself when none are named. */
export function withTables(protocol: Protocol, action: Action, tables: Tables): Action {
  if (protocol === 'ssh' || Object.keys(tables).length === 0) return action;
  const { mode } = action;
  const catalogue = catalogueOf(tables, schemaUsual(protocol, action));
  return { ...action, mode: { ...mode, key: `${mode.key} ${catalogue.version}`, catalogue } };
}

function catalogueOf(tables: Tables, schemaOfBare: string): Catalogue {
  const references = { functions: [], types: [], relations: [], builtins: [] };
  const content: SqlCatalogue = {
    searchPath: schemaOfBare,
    user: '',
    functions: [],
    operators: [],
    types: [],
    relations: Object.entries(tables).map(([name, columns], at) => ({
      id: String(at),
      schema: name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : schemaOfBare,
      name: name.slice(name.lastIndexOf('.') + 1),
      kind: 'table',
      columns,
      reading: references,
      writing: references,
      reacts: false,
    })),
  };
  return { version: JSON.stringify([schemaOfBare, tables]), content };
}
