// Progress of a command that may take long: a line on stderr every few seconds, so that nobody wonders, and none when it is short.

import type { Terminal } from '../cli/terminal.ts';

const everyMs = 3_000;

export interface Progress {
  /** Called often; `words` is asked only when a line is due. */
  tick(words: () => string): void;
}

export function progress(terminal: Terminal, nowMs: () => number = () => performance.now()): Progress {
  let lastMs = nowMs();
  return {
    tick: (words) => {
      const now = nowMs();
      if (now - lastMs < everyMs) return;
      lastMs = now;
      terminal.err(terminal.paint('dim', `… ${words()}`));
    },
  };
}
