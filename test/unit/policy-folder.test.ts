// A policy folder that is followed: on a real file system, with the ways in which people and tools change files.

import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openPolicyFolder } from '../../policies/engine/folder.ts';
import type { PolicyFolder } from '../../policies/engine/folder.ts';
import { formatProblem } from '../../policies/engine/load.ts';

const good = (id: string) => `policy: p\nrules:\n  - { id: ${id}, decision: allow }\n`;
const bad = 'policy: p\nrules:\n  - { id: a, decision: alow }\n';

interface Followed {
  readonly directory: string;
  readonly folder: PolicyFolder;
  readonly loaded: string[];
  readonly rejected: string[][];
  readonly putBack: string[];
  /** Resolves when something was heard of and the condition holds. */
  until(condition: () => boolean): Promise<void>;
}

async function follow(t: { teardown(end: () => void): unknown }, files: Record<string, string>, at?: string): Promise<Followed> {
  const directory = at ?? mkdtempSync(join(tmpdir(), 'policies-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const loaded: string[] = [];
  const rejected: string[][] = [];
  const putBack: string[] = [];
  let heard: () => void = () => undefined;
  const folder = await openPolicyFolder(directory, {
    onLoaded: (set) => {
      loaded.push(set.version);
      heard();
    },
    onRejected: (problems) => {
      rejected.push(problems.map(formatProblem));
      heard();
    },
    onPutBack: (set) => void putBack.push(set.version),
  });
  t.teardown(() => {
    folder.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const until = async (condition: () => boolean) => {
    // The folder keeps no process alive; waiting does.
    const awake = setInterval(() => undefined, 1_000);
    while (!condition()) await new Promise<void>((resolve) => (heard = resolve));
    clearInterval(awake);
  };
  return { directory, folder, loaded, rejected, putBack, until };
}

const ruleIds = (folder: PolicyFolder) => folder.current().rules.map((rule) => rule.id);

t.test('the first version must be right, and all of its problems are told', async (t) => {
  const directory = t.testdir({ 'a.yaml': bad, 'b.yaml': 'policy: q\n' });
  const listener = { onLoaded: () => t.fail('loaded'), onRejected: () => t.fail('told twice'), onPutBack: () => t.fail('put back') };
  const fault = await openPolicyFolder(directory, listener).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  t.match(fault, { name: 'Fault', code: 'policy-invalid' });
  t.match(String(fault), /a\.yaml:3:24: decision: unknown word "alow"[\s\S]*b\.yaml:1:1: rules: missing/);
  await t.rejects(openPolicyFolder(t.testdir({}), listener), { code: 'policy-invalid', message: /there is no policy file/ });
  await t.rejects(openPolicyFolder(join(directory, 'missing'), listener), { code: 'policy-invalid', message: /can't be read/ });
});

t.test('policies are the YAML files; tests beside them and hidden files are not', async (t) => {
  const { folder } = await follow(t, { 'b.yml': good('b'), 'b.test.yaml': bad, 'readme.md': bad, '.b.yaml.swp.yaml': bad });
  t.strictSame(ruleIds(folder), ['p/b']);
  t.strictSame(folder.files(), [{ path: 'b.yml', text: good('b') }]);
  t.strictSame(folder.rejected(), []);
});

t.test('a change is taken; a bad version never replaces a good one', async (t) => {
  const { directory, folder, loaded, rejected, putBack, until } = await follow(t, { 'a.yaml': good('one') });
  writeFileSync(join(directory, 'a.yaml'), good('two'));
  await until(() => loaded.length === 1);
  t.strictSame(ruleIds(folder), ['p/two']);

  writeFileSync(join(directory, 'a.yaml'), bad);
  await until(() => rejected.length === 1);
  t.strictSame(ruleIds(folder), ['p/two'], 'still the last good one');
  t.match(folder.files(), [{ text: good('two') }]);
  t.match(folder.rejected()[0], 'a.yaml:3:24: decision: unknown word "alow"');
  await folder.reload();
  t.equal(rejected.length, 1, 'the same bad version is told once');

  writeFileSync(join(directory, 'a.yaml'), good('two'));
  await folder.reload();
  t.strictSame(folder.rejected(), [], 'back to what is in force');
  t.equal(loaded.length, 1, 'which is nothing new');
  await folder.reload();
  t.strictSame(putBack, [folder.current().version], 'and is told, once');

  writeFileSync(join(directory, 'a.yaml'), bad);
  await until(() => rejected.length === 2);
  writeFileSync(join(directory, 'b.yaml'), good('three').replace('policy: p', 'policy: q'));
  writeFileSync(join(directory, 'a.yaml'), good('four'));
  await until(() => loaded.length === 2);
  t.strictSame(ruleIds(folder), ['p/four', 'q/three']);
});

t.test('a file replaced by rename, as editors do', async (t) => {
  const { directory, folder, loaded, until } = await follow(t, { 'a.yaml': good('one') });
  writeFileSync(join(directory, 'a.yaml.tmp'), good('two'));
  renameSync(join(directory, 'a.yaml.tmp'), join(directory, 'a.yaml'));
  await until(() => loaded.length === 1);
  t.strictSame(ruleIds(folder), ['p/two']);
});

t.test('files behind symbolic links: the far end changes, or the link does', async (t) => {
  const far = t.testdir({
    'one.yaml': good('one'),
    v1: { 'b.yaml': good('x').replace('policy: p', 'policy: q') },
    v2: { 'b.yaml': good('y').replace('policy: p', 'policy: q') },
  });
  const directory = mkdtempSync(join(tmpdir(), 'policies-'));
  symlinkSync(join(far, 'one.yaml'), join(directory, 'a.yaml'));
  symlinkSync(join(far, 'v1'), join(directory, '..data'));
  symlinkSync('..data/b.yaml', join(directory, 'b.yaml'));
  const { folder, loaded, until } = await follow(t, {}, directory);
  t.strictSame(ruleIds(folder), ['p/one', 'q/x']);

  symlinkSync(join(far, 'v2'), join(directory, '..data_new'));
  renameSync(join(directory, '..data_new'), join(directory, '..data'));
  await until(() => loaded.length === 1);
  t.strictSame(ruleIds(folder), ['p/one', 'q/y'], 'as a mounted volume is switched');

  writeFileSync(join(far, 'one.yaml'), good('two'));
  await until(() => loaded.length === 2);
  t.strictSame(ruleIds(folder), ['p/two', 'q/y']);
});

t.test('the folder goes, and comes back', async (t) => {
  const { directory, folder, loaded, rejected, until } = await follow(t, { 'a.yaml': good('one') });
  unlinkSync(join(directory, 'a.yaml'));
  await until(() => rejected.length === 1);
  t.match(folder.rejected()[0], 'there is no policy file');
  renameSync(directory, `${directory}.old`);
  await folder.reload();
  t.match(folder.rejected()[0], "can't be read");
  t.strictSame(ruleIds(folder), ['p/one']);
  rmSync(`${directory}.old`, { recursive: true });
  mkdirSync(directory);
  writeFileSync(join(directory, 'a.yaml'), good('two'));
  await until(() => loaded.length === 1);
  t.strictSame(ruleIds(folder), ['p/two']);
});

t.test('unreadable content is told, not taken', async (t) => {
  const { directory, folder, rejected } = await follow(t, { 'a.yaml': good('one') });
  writeFileSync(join(directory, 'a.yaml'), Buffer.from([0x70, 0xff, 0xfe]));
  await folder.reload();
  t.match(rejected[0]?.[0], "can't be read");
  writeFileSync(join(directory, 'a.yaml'), Buffer.alloc((1 << 20) + 1, 0x23));
  await folder.reload();
  t.match(folder.rejected()[0], 'larger than');
  mkdirSync(join(directory, 'z.yaml'));
  writeFileSync(join(directory, 'a.yaml'), good('one'));
  await folder.reload();
  t.strictSame(folder.rejected(), [], 'a folder named like a policy is no policy');
});

t.test('a closed folder is silent', async (t) => {
  const { directory, folder, loaded, rejected } = await follow(t, { 'a.yaml': good('one') });
  folder.close();
  writeFileSync(join(directory, 'a.yaml'), good('two'));
  await folder.reload();
  t.strictSame([loaded, rejected], [[], []]);
});
