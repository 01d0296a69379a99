// What processes have used so far, from /proc: CPU time (user and system, all threads) and memory. Linux only.

import { readFileSync } from 'node:fs';

/** Linux counts CPU time for programs in ticks of 10 ms, on every architecture that Node runs on. */
const ticksPerSecond = 100;
const microsPerTick = 1_000_000 / ticksPerSecond;

/** Microseconds of CPU time, user and system, that a process has used. */
export function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is a name in parentheses that may hold anything; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * microsPerTick;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** CPU time of the whole machine so far: used, and all there was (idle too), in microseconds. */
export function machineMicros(): { readonly used: number; readonly total: number } {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '';
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const used = user + nice + system + irq + softirq + steal;
  return { used: used * microsPerTick, total: (used + idle + wait) * microsPerTick };
}

const sampleMs = 100;

/** Watches memory until it is stopped; gives the most that was seen. */
export function watchMemory(bytes: () => number): { stop(): number } {
  let most = bytes();
  const timer = setInterval(() => (most = Math.max(most, bytes())), sampleMs);
  return {
    stop: () => {
      clearInterval(timer);
      return Math.max(most, bytes());
    },
  };
}
