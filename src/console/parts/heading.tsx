// The name of a page. It is also what the tab is called, and where the focus goes when one has come from another page: a screen
// reader says it then, and the next Tab is in the page instead of in the menu.

import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { tellPlace } from '../page-title.ts';

/** Where the last heading stood; the first one of all leaves the focus to the browser. */
let arrivedAt: string | null = null;

export function Heading({ children }: { readonly children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => tellPlace(heading.current?.textContent ?? ''), [children]);
  useEffect(() => {
    const came = arrivedAt !== null && arrivedAt !== location.pathname;
    // What was pressed may be gone with what stood here before.
    const lost = arrivedAt !== null && document.activeElement === document.body;
    arrivedAt = location.pathname;
    if (came || lost) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}
