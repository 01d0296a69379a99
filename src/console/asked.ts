// What a list is asked stands in the page's address: it survives a reload and the way back, and can be sent to others.

export type Changed<Name extends string = string> = Partial<Record<Name, string>>;

/** The address after a change; what is empty does not stand in it. */
export function withAsked(before: URLSearchParams, changed: Changed): URLSearchParams {
  const after = new URLSearchParams(before);
  for (const [name, value] of Object.entries(changed)) {
    if (value === undefined || value === '') after.delete(name);
    else after.set(name, value);
  }
  return after;
}
