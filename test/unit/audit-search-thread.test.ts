// Where no thread is to be had, a search of the audit log is answered in words, the gateway goes on, and the next search tries again.

import { Worker } from 'node:worker_threads';
import t from 'tap';
import { AuditSearch } from '../../src/audit/search.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';

t.test('a thread that can’t be started', async (t) => {
  let tries = 0;
  const search = new AuditSearch(temporaryDirectory(t, 'search'), () => {
    tries += 1;
    throw new Error('EAGAIN');
  });
  await eventually('the index is begun by itself, and nothing comes of it', () => tries === 1);
  await t.rejects(search.verify(), { code: 'store-failed', message: 'the audit search could not be started: EAGAIN' });
  t.equal(tries, 2);
  await search.close();
});

t.test('a thread that dies at once', async (t) => {
  const search = new AuditSearch(temporaryDirectory(t, 'search'), () => new Worker('process.exit(1)', { eval: true }));
  await t.rejects(search.verify(), { code: 'store-failed', message: 'the audit search stopped: it ended' });
  await t.rejects(search.newest([], 0, ''), { code: 'store-failed' });
  await search.close();
});
