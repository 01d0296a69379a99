// The same as ssh-mixed.test.ts to a target behind an agent, all of it over one link: streams of it are read in place, too.

import t from 'tap';
import type { EnrolmentTokenIssued } from '../../src/api/contract.ts';
import { mixedTransfers } from '../support/ssh-mixed.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { agentOf, linked } from '../unit/agent-fixture.ts';

const world = await startSshWorld(t, {
  policies: sshPolicies(),
  target: { agent: 'vpc' },
  config: () => ({ ssh: { rekey_after: '4MiB' } }),
});
const { body } = await world.gateway.api('erin').post<EnrolmentTokenIssued>('/agents/enrolment-tokens', { name: 'vpc' });
const agent = agentOf(t, { gateway: body.gateway, token: body.token });
await linked(agent);

t.test('all at once', async (t) => mixedTransfers(t, world, 1.5 * 1024 ** 2));

t.test('an agent that goes in the middle: what was sent so far is the beginning of it, and clients hear of it', async (t) => {
  const running = world.startSsh(['while :; do echo the same line; done'], { target: 'dev-1' });
  await running.waitFor(/(the same line\n){1000}/);
  await agent.close();
  const { code, stdout, stderr } = await running.end();
  t.equal(code, 255);
  t.match(stderr, /lost/);
  t.ok(stdout.replaceAll('the same line\n', '').length < 14, 'and nothing else');
});
