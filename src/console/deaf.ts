// A press so soon after a button came was meant for what stood there before: the second tap of two on a row of a list, or on another button.

import { useEffect, useState } from 'react';

const deafMs = 500;

/** True for a moment after the component came: its buttons do nothing then. */
export function useDeafAtFirst(): boolean {
  const [isDeaf, setDeaf] = useState(true);
  useEffect(() => {
    const timer = setTimeout(() => setDeaf(false), deafMs);
    return () => clearTimeout(timer);
  }, []);
  return isDeaf;
}
