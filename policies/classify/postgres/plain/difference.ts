// Where two values of JSON part. Trees of one statement may be thousands of levels deep, so nothing here calls itself.

/** The fields that lead to the first difference, as `other` has them ("stmt.SelectStmt.op"), or null. The order of fields counts, too. */
export function firstDifference(one: unknown, other: unknown): string | null {
  const waiting: { one: unknown; other: unknown; path: Path }[] = [{ one, other, path: null }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { one, other, path } = next;
    if (Object.is(one, other)) continue;
    if (!isObject(one) || !isObject(other) || Array.isArray(one) !== Array.isArray(other)) return written(path);
    const keys = Object.keys(one);
    const others = Object.keys(other);
    for (let index = 0; index < Math.max(keys.length, others.length); index += 1) {
      if (keys[index] !== others[index]) return written({ field: others[index] ?? keys[index] ?? '', above: path });
    }
    for (const field of keys.reverse()) waiting.push({ one: one[field], other: other[field], path: { field, above: path } });
  }
  return null;
}

type Path = { readonly field: string; readonly above: Path } | null;

/** Of a longer path the end: it says most. */
const fieldsMax = 24;

function written(path: Path): string {
  const fields: string[] = [];
  for (let at = path; at !== null && fields.length < fieldsMax; at = at.above) fields.unshift(at.field);
  return fields.length === 0 ? 'as a whole' : fields.join('.');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
