// What a query about a database's own objects gives.

/** A row by column name. */
export type CatalogueRow = Readonly<Record<string, string | null>>;
