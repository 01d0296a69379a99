// How a name is written down, so that it can be compared.

/** Schema and name as one text; a part that has a dot or a quote in it is quoted, so that no name can pass for another. */
export function dotted(schema: string | null, name: string): string {
  return schema === null || schema === '' ? part(name) : `${part(schema)}.${part(name)}`;
}

function part(name: string): string {
  return /[."]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
