// What stands at an address of something that is not there, or not for the viewer: the two are not told apart.

import { Heading } from './heading.tsx';

export function Missing({ thing }: { readonly thing: string }) {
  return (
    <div className="empty">
      <Heading>There is no such {thing}</Heading>
      <p>It may be somebody else’s and not yours to see.</p>
    </div>
  );
}
