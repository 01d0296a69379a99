// Names of effects taken apart again, and how a name goes into a question of the gateway's own.

export const systemSchemas: ReadonlySet<string> = new Set(['mysql', 'sys', 'information_schema', 'performance_schema']);

/** Read the same under every sql_mode and character set. */
export function literal(text: string): string {
  return text === '' ? "''" : `CONVERT(0x${Buffer.from(text, 'utf8').toString('hex')} USING utf8)`;
}

/** "shop.orders", "`odd.name`.orders": taken apart as the classifier put it together. */
export function parsedName(object: string, database: string | null): { readonly schema: string | null; readonly name: string } {
  const parts = [...object.matchAll(/`((?:[^`]|``)*)`|([^.`]+)/g)].map((it) => (it[1] ?? it[2] ?? '').replaceAll('``', '`'));
  const name = parts.pop() ?? object;
  return { schema: parts.pop() ?? database, name };
}
