// The server version in the greeting: what is written for the targets, what they were seen to have, else a MariaDB's.

import t from 'tap';
import { Versions } from '../../protocols/mysql/versions.ts';
import type { DriverServices } from '../../src/core/driver.ts';
import { Fault } from '../../src/core/errors.ts';

function versions(...written: (string | null)[]) {
  const targets = written.map((serverVersion, index) => ({ name: `t${index}`, ...(serverVersion === null ? {} : { serverVersion }) }));
  let attempts = 0;
  const services = {
    targets: () => targets,
    clock: { monotonicMs: () => 0, nowMs: () => 0 },
    log: { debug: () => undefined },
    credentials: {
      signingIn: () => {
        attempts += 1;
        return Promise.reject(new Fault('target-unreachable', 'down'));
      },
    },
  } as unknown as DriverServices;
  return { it: new Versions(services), attempts: () => attempts };
}

t.test('written for every target alike', async (t) => {
  t.equal(await versions('8.4.3').it.shown(), '8.4.3');
  t.equal(await versions('8.4.3', '8.4.3').it.shown(), '8.4.3');
  t.match(await versions('8.4.3', '10.11.6-MariaDB').it.shown(), /MariaDB-sallyport/, 'two kinds: one that can show words');
});

t.test('seen', async (t) => {
  const { it } = versions(null, null);
  it.saw('t0', '11.4.2-MariaDB');
  t.equal(await it.shown(), '11.4.2-MariaDB');
  it.saw('t1', '8.0.40');
  t.match(await it.shown(), /MariaDB-sallyport/);
});

t.test('the only target is asked, and not again at once when it is down', async (t) => {
  const { it, attempts } = versions(null);
  t.match(await it.shown(), /MariaDB-sallyport/);
  t.match(await it.shown(), /MariaDB-sallyport/);
  t.equal(attempts(), 1);
});
