// Text on a line in the order in which it was written, whatever its letters: see right-to-left.ts.

import { rightToLeftRuns } from '../right-to-left.ts';

export function InOrder({ text }: { readonly text: string }) {
  const runs = rightToLeftRuns(text);
  return (
    <>
      {runs.map(({ start, end }, index) => (
        <span key={start}>
          {text.slice(runs[index - 1]?.end ?? 0, start)}
          <bdi>{text.slice(start, end)}</bdi>
        </span>
      ))}
      {text.slice(runs.at(-1)?.end ?? 0)}
    </>
  );
}
