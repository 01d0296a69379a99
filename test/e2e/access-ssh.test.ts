// Access for a while over SSH, felt by OpenSSH's client at its end; and a command approved by its shape.

import { join } from 'node:path';
import t from 'tap';
import type { AccessRequestView, HoldView, Page, ShapeView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startSshWorld } from '../support/ssh.ts';

const policy = `
policy: production
applies_to: { protocols: [ssh] }
rules:
  - { id: open, actions: [connect], needs: grant, decision: allow }
  - { id: shells, actions: [shell], needs: grant, decision: allow }
  - { id: work, actions: [command], needs: grant, decision: allow }
  - id: hold-removals
    actions: [command]
    needs: grant
    effects: { verbs: [file-remove, file-write] }
    decision: hold
    approvers: { groups: [dba], shape: { longest: 30m } }
access:
  - { id: on-call, principals: { groups: [engineers] }, longest: 2h, automatic: true }
`;

t.test('access and shapes over SSH', async (t) => {
  const world = await startSshWorld(t, { policies: { 'production.yaml': policy } });
  const { gateway } = world;
  const alice = gateway.api('alice');
  const granted = async (forMs: number): Promise<string> => {
    const { body } = await alice.post<AccessRequestView>('/access-requests', { target: 'web-1', for_ms: forMs, reason: 'ticket 7' });
    return body.grant_id ?? '';
  };
  const pending = async () => (await gateway.api('bob').get<Page<HoldView>>('/holds?state=pending')).body.items[0];

  await t.test('a shell ends in words when its access does', async (t) => {
    const grant = await granted(3_600_000);
    const shell = world.startTerminal([]);
    shell.write('echo in$((1+1))side\n');
    await shell.waitFor(/in2side/);
    await gateway.api('erin').post(`/grants/${grant}/revoke`, { reason: 'enough' });
    const { stdout } = await shell.ended;
    t.match(stdout, new RegExp(`your access ${grant} to web-1 was ended by erin: enough`));
    t.match((await world.ssh(['true'])).stderr, /ask for access/);
  });

  await t.test('a command that waits ends when the time is over', async (t) => {
    const grant = await granted(4_000);
    const waiting = world.startSsh(["rm '/tmp/sallyport-no-such-file'"]);
    const hold = await eventually('it is held', pending);
    const { code, stderr } = await waiting.ended;
    t.not(code, 0);
    t.match(stderr, new RegExp(`your access ${grant} to web-1 is over`));
    t.equal((await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`)).body.state, 'withdrawn');
  });

  await t.test('a command approved by its shape', async (t) => {
    await granted(3_600_000);
    const file = join(world.directory, 'a file');
    const waiting = world.startSsh([`touch '${file}'`]);
    const hold = await eventually('it is held', pending);
    const parameters = [{ hole: 1, condition: { kind: 'any' } }];
    t.equal((await gateway.api('bob').post(`/holds/${hold.id}/approve`, { shape: { for_ms: 600_000, parameters } })).status, 200);
    await waiting.ended;
    await world.ssh([`touch '${file}'`]);
    const [used] = (await alice.get<Page<ShapeView>>('/shapes')).body.items;
    t.match(used, { uses: 1, words: 'touch ‹1›' });
    for (const command of [`touch ${join(world.directory, 'file')}`, `touch '${file}2'`, `touch '${file}'; id`, `touch "${file}$(id)"`]) {
      const other = world.startSsh([command]);
      const held = await eventually(`${command} is held`, pending);
      await gateway.api('bob').post(`/holds/${held.id}/deny`, { reason: 'no' });
      t.not((await other.ended).code, 0, command);
    }
  });
});
