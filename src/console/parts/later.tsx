// A part of the console whose code is loaded when it is first shown. React's own lazy() would do, but for its Suspense, which shows what
// has come only 300 ms after the last thing it had to wait for: a page of three such parts takes a second to say anything.

import { useEffect, useState } from 'react';
import type { ComponentType } from 'react';
import { Loading } from './notes.tsx';

/** Throws what `load` rejects with into the nearest error boundary. */
export function later<Props extends object>(load: () => Promise<{ readonly default: ComponentType<Props> }>): ComponentType<Props> {
  let known: ComponentType<Props> | null = null;
  return function Later(props: Props) {
    const [failed, setFailed] = useState<{ readonly thrown: unknown } | null>(null);
    const [, setShown] = useState(known !== null);
    useEffect(() => {
      if (known !== null) return;
      load().then(
        (module) => {
          known = module.default;
          setShown(true);
        },
        (thrown: unknown) => setFailed({ thrown }),
      );
    }, []);
    if (failed !== null) throw failed.thrown;
    const Known = known;
    return Known === null ? <Loading /> : <Known {...props} />;
  };
}
