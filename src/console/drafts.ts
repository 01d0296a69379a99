// Words that somebody typed and has not sent. They are kept in the tab, for that person only, so that a sign-in that ran out, a
// look at another page or a reload does not take them away.

import { useState } from 'react';
import { useMe } from './queries.ts';

const prefix = 'sallyport-draft ';

/** Like useState(''), for what is typed at `place`. */
export function useDraft(place: string): readonly [string, (words: string) => void] {
  return useDraftOf(useMe().data?.name ?? '', place);
}

/** The same on a page that knows by itself who answers there. */
export function useDraftOf(person: string, place: string): readonly [string, (words: string) => void] {
  const key = `${prefix}${person} ${place}`;
  const [words, setWords] = useState(() => sessionStorage.getItem(key) ?? '');
  const keep = (now: string): void => {
    setWords(now);
    if (now === '') sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, now);
  };
  return [words, keep];
}

/** On signing out. */
export function forgetDrafts(): void {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(prefix)) sessionStorage.removeItem(key);
}
