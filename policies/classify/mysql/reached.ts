// What a change of a table or view changes besides, though the text does not name it: the tables behind a view, and rows that foreign keys
// delete or change along.

import type { CatalogueRelation, SqlCatalogue } from '../../../src/core/catalogue.ts';
import { changesFollowing, type RowChange } from '../following-changes.ts';
import { lex } from './lexer.ts';
import { tablesIn } from './tables.ts';

/** Names are compared without case here: a false hit is only an extra question. */
export class Reached {
  readonly #relations = new Map<string, CatalogueRelation>();
  readonly #behind = new Map<string, readonly CatalogueRelation[]>();

  constructor(content: SqlCatalogue) {
    for (const relation of content.relations) this.#relations.set(keyOf(relation.schema, relation.name), relation);
  }

  /** Tables and views that a change of this view may be one of; empty for a table. */
  behind(qualified: string): readonly string[] {
    const relation = this.#relations.get(qualified.toLowerCase());
    return relation === undefined ? [] : this.#changedBehind(relation).map(nameOf);
  }

  /** Changes of other tables that follow from a DELETE, or an UPDATE of these columns (lower case; null: of any). */
  following(
    verb: RowChange['verb'],
    qualified: string,
    columns: readonly string[] | null,
  ): readonly (readonly [RowChange['verb'], string])[] {
    const relation = this.#relations.get(qualified.toLowerCase());
    if (relation === undefined) return [];
    const behind = this.#changedBehind(relation);
    const first = [relation, ...behind].map((of) => ({ verb, of, columns: behind.length > 0 ? null : columns }));
    const found = [
      ...changesFollowing(
        first,
        (id) => this.#relations.get(id.toLowerCase()),
        (one) => [one],
      ),
    ];
    return found.map(({ verb: follows, of }) => [follows, nameOf(of)]);
  }

  #changedBehind(view: CatalogueRelation): readonly CatalogueRelation[] {
    if (view.kind !== 'view') return [];
    const key = keyOf(view.schema, view.name);
    const known = this.#behind.get(key);
    if (known !== undefined) return known;
    this.#behind.set(key, []); // views that name each other are broken
    const own = sourcesOf(view).flatMap((it) => this.#relations.get(it) ?? []);
    const found = [...new Set(own.flatMap((one) => [one, ...this.#changedBehind(one)]))];
    this.#behind.set(key, found);
    return found;
  }
}

/** Of a view over a join each of the tables may be changed; what conditions read is not. The server writes names with their database. */
function sourcesOf({ definition, schema }: CatalogueRelation): readonly string[] {
  if (definition === undefined || definition === '') return [];
  const { tokens } = lex(definition, { ansiQuotes: false, noBackslashEscapes: false }, () => true);
  const sources = tablesIn(tokens, 0, tokens.length, 'other').filter((it) => it.outermost);
  return sources.map(({ database, name }) => keyOf(database ?? schema, name));
}

function keyOf(schema: string, name: string): string {
  return `${schema}.${name}`.toLowerCase();
}

function nameOf({ schema, name }: CatalogueRelation): string {
  return `${schema}.${name}`;
}
