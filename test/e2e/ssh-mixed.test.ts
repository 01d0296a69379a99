// Many sessions at once, with keys exchanged all the time: each gets its own bytes and nobody else's.

import t from 'tap';
import { mixedTransfers } from '../support/ssh-mixed.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: sshPolicies(), config: () => ({ ssh: { rekey_after: '4MiB' } }) });

t.test('all at once', async (t) => mixedTransfers(t, world, 2 * 1024 ** 2));
