// Chunks that only pass through are freed by scavenges, and do not make V8 collect everything again and again.

import { PerformanceObserver, constants } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { bytesPassed } from '../../src/core/short-lived-memory.ts';

const chunkBytes = 64 * 1024;
const chunks = 8000;

t.test('half a gigabyte of dead chunks', async (t) => {
  const collections = { minor: 0, whole: 0 };
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as unknown as { detail: { kind: number } }[]) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) collections.minor += 1;
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections.whole += 1;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  let most = 0;
  for (let number = 0; number < chunks; number += 1) {
    bytesPassed(Buffer.allocUnsafeSlow(chunkBytes).length);
    most = Math.max(most, process.memoryUsage().arrayBuffers);
    if (number % 100 === 0) await turn();
  }
  await turn();
  observer.disconnect();
  t.ok(collections.minor >= 50, `${collections.minor} scavenges`);
  t.ok(collections.whole <= 3, `${collections.whole} collections of everything`);
  t.ok(most < 64 * 1024 * 1024, `${Math.round(most / 2 ** 20)} MB at most`);
  t.equal((globalThis as { gc?: unknown }).gc, undefined, 'V8’s function stays out of sight');
});
