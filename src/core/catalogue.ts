// What a driver tells the SQL classifier of a target's own objects (never the system's): enough to see where a name, an
// operator, a cast or a view ends in code that somebody wrote. Raw facts; the judging is the classifier's.

/** What a definition uses. User-defined objects by id; built-in functions by name, and only those that the loader saw. */
export interface References {
  readonly functions: readonly string[];
  readonly types: readonly string[];
  readonly relations: readonly string[];
  readonly builtins: readonly string[];
}

export interface CatalogueFunction {
  readonly id: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'function' | 'procedure' | 'aggregate' | 'window';
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  readonly language: string;
  /** Name of the extension that owns it, or null. */
  readonly extension: string | null;
  readonly argumentCount: number;
  /** Source text where the language is one that can be read (sql, plpgsql), else null. */
  readonly body: string | null;
  /** The search_path that the function sets for itself, or null. */
  readonly searchPath: string | null;
  /** What a call needs besides the body: types and defaults of arguments, and the functions that an aggregate is made of. */
  readonly uses: References;
}

export interface CatalogueOperator {
  readonly schema: string;
  readonly name: string;
  readonly uses: References;
}

export interface CatalogueType {
  readonly id: string;
  readonly schema: string;
  readonly name: string;
  /** The server has a type of its own of that name, which is what the bare name means (but for temporary ones). Missing: it has not. */
  readonly isBehind?: boolean;
  /** Everything that handling a value may run: checks of a domain, casts, operators, input and output, parts of a composite. */
  readonly uses: References;
}

export interface CatalogueRelation {
  readonly id: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'table' | 'view' | 'materialized-view' | 'foreign-table' | 'sequence' | 'other';
  readonly columns: readonly string[];
  /** Numbers of these columns in the same order, where the target has such (PostgreSQL's attnum). */
  readonly attributes?: readonly number[];
  /** Tables that it is a partition of, or inherits from, by id. */
  readonly parents?: readonly string[];
  /** It is a partition: its rows are the parent's. Missing: it is none. */
  readonly isPartition?: true;
  /** Columns whose values the target computes from others of the same row, with the names of those. */
  readonly generated?: readonly { readonly column: string; readonly from: readonly string[] }[];
  /** The query of a view as the target writes it out, where it can be had. */
  readonly definition?: string;
  /** What reading it may run: view definition, row-level policies, types of columns, virtual columns. */
  readonly reading: References;
  /** What changing it may run besides: defaults, checks, generated columns, index expressions. */
  readonly writing: References;
  /** It has triggers (not those of foreign keys) or rules that run on INSERT, UPDATE, DELETE or TRUNCATE. */
  readonly reacts: boolean;
  /** Tables whose foreign keys delete or change their rows along with its own. */
  readonly followedBy?: readonly CatalogueFollower[];
}

/** ON DELETE or ON UPDATE with CASCADE, SET NULL or SET DEFAULT. */
export interface CatalogueFollower {
  /** Id of the table with the foreign key. */
  readonly relation: string;
  /** What becomes of its rows when the rows that they refer to are deleted; null: nothing. */
  readonly onDelete: 'delete' | 'update' | null;
  /** They change when these columns of the rows that they refer to do. */
  readonly onUpdate: boolean;
  readonly columns: readonly string[];
  /** The columns that change then. */
  readonly changed: readonly string[];
}

export interface SqlCatalogue {
  /** search_path of a fresh connection of the gateway's account. */
  readonly searchPath: string;
  /** The account, for "$user" in a search_path. */
  readonly user: string;
  readonly functions: readonly CatalogueFunction[];
  readonly operators: readonly CatalogueOperator[];
  readonly types: readonly CatalogueType[];
  readonly relations: readonly CatalogueRelation[];
  /**
   * What somebody has added to types of the server's own: casts from one to another, operator classes by which they are sorted.
   * `implicit` may run in any expression, `named` where a type is written.
   */
  readonly serverTypes?: { readonly implicit: References; readonly named: References };
}
