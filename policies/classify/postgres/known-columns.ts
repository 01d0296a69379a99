// The columns of a target's relations, with what views make of them, remembered for each catalogue.

import type { SqlCatalogue } from '../../../src/core/catalogue.ts';
import { Lineage } from './lineage/query-lineage.ts';
import { Relations, type Column, type ReadingOfNames } from './lineage/relations.ts';
import { TooDeep } from './lineage/seen.ts';
import type { Parser } from './parser.ts';
import { parseSearchPath } from './settings.ts';
import { definitionUnitsMax } from './view-sources.ts';

const noCatalogue: SqlCatalogue = { searchPath: '', user: '', functions: [], operators: [], types: [], relations: [] };

export class KnownColumns {
  readonly #parser: Parser;
  readonly #names: ReadingOfNames;
  readonly #relations = new WeakMap<SqlCatalogue, Relations>();

  constructor(parser: Parser, names: ReadingOfNames) {
    this.#parser = parser;
    this.#names = names;
  }

  /** Null: nothing is known of the target's own objects. */
  of(catalogue: SqlCatalogue | null): Relations {
    const content = catalogue ?? noCatalogue;
    let relations = this.#relations.get(content);
    if (relations === undefined) {
      const made: Relations = new Relations(content, this.#names, (definition) => this.#view(definition, content, made));
      relations = made;
      this.#relations.set(content, relations);
    }
    return relations;
  }

  /** Null when its query can't be read. */
  #view(definition: string, catalogue: SqlCatalogue, relations: Relations): readonly Column[] | null {
    if (definition.length > definitionUnitsMax) return null;
    const parsed = this.#parser.parse(definition);
    const first = parsed.kind === 'statements' ? parsed.statements[0]?.stmt : undefined;
    if (first === undefined) return null;
    try {
      const { columns, rest } = new Lineage(relations, pathOf(catalogue.searchPath, catalogue)).query(first);
      return rest === null ? columns : null;
    } catch (thrown) {
      if (thrown instanceof TooDeep) return null;
      throw thrown;
    }
  }
}

/** Schemas in the order they are searched; null when the path is malformed. */
export function pathOf(searchPath: string, { user }: Pick<SqlCatalogue, 'user'>): readonly string[] | null {
  return parseSearchPath(searchPath)?.map((schema) => (schema === '$user' ? user : schema)) ?? null;
}
