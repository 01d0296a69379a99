// Recordings over the API, of a real shell: who may look, that looking is written down, byte ranges, commands, parts of the log.

import t from 'tap';
import type {
  AuditEventView,
  Page,
  RecordingView,
  SessionView,
  TerminalIndexView,
  TerminalSearchView,
  TerminalView,
} from '../../src/api/contract.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { gateway } = world;
const carol = gateway.api('carol');

const shell = world.startTerminal([]);
await shell.waitFor(/\$ $/);
for (const word of ['one', 'two', 'three']) {
  shell.write(`echo said-${word}\r`);
  await shell.waitFor(new RegExp(`\nsaid-${word}\r[^]*\\$ $`));
}
shell.write('exit\r');
await shell.end();
const session = (await carol.get<Page<SessionView>>('/sessions')).body.items[0] as SessionView;
const path = `/sessions/${session.id}`;
const fetched = (person: string, range?: string) =>
  fetch(`${gateway.http}/api/v1${path}/terminals/0`, {
    headers: { authorization: `Bearer ${gateway.token(person)}`, ...(range === undefined ? {} : { range }) },
  });

t.test('the commands of a mediated shell are in the index, each at a place where its output follows', async (t) => {
  const { body } = await carol.get<TerminalIndexView>(`${path}/terminals/0/index`);
  const commands = body.marks.map(({ text }) => text).filter((text) => text.startsWith('echo'));
  t.same(commands, ['echo said-one', 'echo said-two', 'echo said-three']);
  t.equal(body.terminal.live, false);
  const list = await carol.get<Page<TerminalView>>(`${path}/terminals`);
  t.match(list.body.items, [{ index: 0, command: null, commands: body.marks.length, bytes: body.terminal.bytes }]);
  const found = await carol.get<TerminalSearchView>(`${path}/terminals/0/search?q=SAID-two`);
  t.ok(found.body.hits.some(({ line }) => line.includes('said-two')));
});

t.test('byte ranges are parts of the whole; one behind its end is refused', async (t) => {
  const whole = Buffer.from(await (await fetched('carol')).arrayBuffer());
  t.match(JSON.parse(whole.toString().split('\n')[0] ?? ''), { version: 3 });
  const part = await fetched('carol', 'bytes=10-19');
  t.equal(part.status, 206);
  t.equal(part.headers.get('content-range'), `bytes 10-19/${whole.length}`);
  t.equal(await part.text(), whole.subarray(10, 20).toString());
  const rest = await fetched('carol', `bytes=${whole.length - 5}-`);
  t.equal(await rest.text(), whole.subarray(-5).toString());
  const behind = await fetched('carol', `bytes=${whole.length}-`);
  t.equal(behind.status, 416);
  t.equal(behind.headers.get('content-range'), `bytes */${whole.length}`);
});

t.test('looking is written down, once for a while; those who may not see it see nothing', async (t) => {
  for (let times = 0; times < 3; times += 1) await carol.get(`${path}/recording`);
  t.equal((await fetched('alice')).status, 200, 'her own');
  t.equal((await fetched('erin')).status, 403, 'operators do not read recordings');
  t.equal((await fetched('bob')).status, 404, 'approvers do not know of it');
  for (const place of ['terminals', 'terminals/0/index', 'terminals/0/search?q=x', 'recording']) {
    t.equal((await gateway.api('erin').get(`${path}/${place}`)).status, 403, place);
    t.equal((await gateway.api('bob').get(`${path}/${place}`)).status, 404, place);
  }
  const { body } = await carol.get<Page<AuditEventView>>(`/audit?type=recording.opened&session=${session.id}&limit=100`);
  const looks = body.items.map(({ principal, detail }) => `${principal} ${String(detail['of'])}`).sort();
  t.same(looks, ['alice terminal', 'carol statements', 'carol terminal']);
});

t.test('the statement log in parts is the whole one', async (t) => {
  const { body: whole } = await carol.get<RecordingView>(`${path}/recording`);
  t.ok(whole.entries.length >= 4);
  const entries: RecordingView['entries'][number][] = [];
  let cursor: string | null = '0';
  for (let parts = 0; cursor !== null && parts < 20; parts += 1) {
    const { body }: { body: RecordingView } = await carol.get<RecordingView>(`${path}/recording?limit=2&cursor=${cursor}`);
    t.ok(body.entries.length <= 2);
    entries.push(...body.entries);
    cursor = body.next ?? null;
  }
  t.equal(cursor, null, 'a closed recording has an end');
  t.same(entries, whole.entries);
  const [, second] = whole.entries;
  const { body: found } = await carol.get<RecordingView>(`${path}/recording?text=${encodeURIComponent(second?.text.toUpperCase() ?? '')}`);
  t.same(
    found.entries.map((entry) => entry.action_id),
    whole.entries.filter((entry) => entry.text === second?.text).map((entry) => entry.action_id),
    'a text is found in it',
  );
  for (const wrong of ['-1', 'x', '1e3', '99999999999999999999'])
    t.equal((await carol.get(`${path}/recording?limit=2&cursor=${wrong}`)).status, 400, wrong);
});
