// Two network namespaces joined by a cable (veth) that tests can cut or spoil: "dmz", from which the gateway is reached, and
// nothing else. Needs root, or user namespaces; where neither is there, it says so.

import { execFileSync } from 'node:child_process';
import type { Teardown } from './directories.ts';
import { tool } from './tools.ts';

export interface PrivateNetwork {
  /** Command and first arguments that run the rest inside the private network. */
  readonly inside: readonly string[];
  /** Address of this side of the cable, as the private network sees it. */
  readonly outsideAddress: string;
  readonly insideAddress: string;
  /** Nothing passes any more, and nobody is told. */
  cut(): void;
  mend(): void;
  /** Every packet in both directions: delay, and loss in percent. Null, or why this kernel can't. */
  spoil(delayMs: number, lossPercent: number): string | null;
}

/** Null when this machine lets nobody make network namespaces (then the reason is in `why`). */
export function privateNetwork(t: Teardown): PrivateNetwork | { readonly why: string } {
  const ip = tool('ip', 'iproute2');
  // Unique among tests that run at the same time; interface names have at most 15 characters.
  const mark = `${process.pid % 100_000}`;
  const [name, near, far] = [`sp-${mark}`, `spn${mark}`, `spf${mark}`];
  const run = (...args: readonly string[]) => void execFileSync(ip, args, { stdio: 'pipe' });
  const subnet = `10.${200 + (process.pid % 50)}.${Math.floor(process.pid / 50) % 250}`;
  try {
    run('netns', 'add', name);
  } catch (thrown) {
    return { why: `network namespaces can't be made here: ${String((thrown as { stderr?: Buffer }).stderr ?? thrown).trim()}` };
  }
  t.teardown(() => {
    try {
      run('netns', 'delete', name);
    } catch {
      // The namespace goes with its last process anyway.
    }
    try {
      run('link', 'delete', near);
    } catch {
      // It went with the namespace.
    }
  });
  run('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name);
  run('address', 'add', `${subnet}.1/24`, 'dev', near);
  run('link', 'set', near, 'up');
  run('-n', name, 'address', 'add', `${subnet}.2/24`, 'dev', far);
  run('-n', name, 'link', 'set', far, 'up');
  run('-n', name, 'link', 'set', 'lo', 'up');
  const shape = (...args: readonly string[]) => {
    const tc = tool('tc', 'iproute2');
    execFileSync(tc, ['qdisc', 'replace', 'dev', near, 'root', ...args], { stdio: 'pipe' });
    execFileSync(tc, ['-n', name, 'qdisc', 'replace', 'dev', far, 'root', ...args], { stdio: 'pipe' });
  };
  return {
    inside: [ip, 'netns', 'exec', name],
    outsideAddress: `${subnet}.1`,
    insideAddress: `${subnet}.2`,
    cut: () => run('link', 'set', near, 'down'),
    mend: () => run('link', 'set', near, 'up'),
    spoil: (delayMs, lossPercent) => {
      try {
        shape('netem', 'delay', `${delayMs}ms`, 'loss', `${lossPercent}%`);
        return null;
      } catch (thrown) {
        const words = String((thrown as { stderr?: Buffer }).stderr ?? thrown);
        if (/qdisc kind is unknown/.test(words)) return 'this kernel has no netem (CONFIG_NET_SCH_NETEM)';
        throw thrown;
      }
    },
  };
}
