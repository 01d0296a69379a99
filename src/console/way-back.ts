// Where a person was before they were asked to sign in. Kept in the tab; only a path of this very console is taken back.

const key = 'sallyport-way-back';

export function rememberWayBack(path: string): void {
  if (path !== '/' && !path.startsWith('/login')) sessionStorage.setItem(key, path);
}

/** The same, left where it is: for a sign-in that leads away and back by itself. */
export function lookWayBack(): string {
  const path = sessionStorage.getItem(key);
  return path !== null && /^\/(?![/\\])/.test(path) ? path : '/';
}

/** The path to go on to after signing in. "//host" and the like would leave the console: they count as no path. */
export function takeWayBack(): string {
  const path = lookWayBack();
  sessionStorage.removeItem(key);
  return path;
}
