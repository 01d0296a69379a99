// ssh2 encrypts in JavaScript unless its C++ part was compiled for the Node that runs it. npm compiles with its own Node's headers, which
// is another Node here; so the headers of the right one are fetched from npm first. Where there is no compiler, or it fails, SSH works and
// is slower: the gateway says so when it starts.

import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { step } from './progress.mjs';
import { runQuietly } from './run.mjs';

const toolsNeeded = ['cc', 'make', 'python3'];

/** Compiles ssh2's C++ part in `root` for the Node at `node`, once for each pair of versions. Never throws for a compiler's sake. */
export async function buildSshCrypto(root, node) {
  const ssh2 = join(root, 'node_modules/ssh2');
  if (!existsSync(ssh2) || !toolsNeeded.every(isInstalled)) return;
  const version = (await runQuietly(node, ['--version'])).output.trim().replace(/^v/, '');
  const stamp = `${JSON.parse(readFileSync(join(ssh2, 'package.json'), 'utf8')).version} for Node ${version}\n`;
  const stampFile = join(root, 'node_modules/.ssh2-crypto');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  const interrupted = await step('Compiling the faster encryption of ssh2', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'node-headers-'));
    try {
      const headers = await fetchHeaders(dir, version);
      if (headers === null) return false;
      const env = { ...process.env, npm_config_nodedir: headers };
      const built = await runQuietly('npm', ['rebuild', 'ssh2', '--ignore-scripts=false', '--loglevel=error'], { cwd: root, env });
      return built.signal !== null;
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
  // Also after a failure: trying again at each start would cost everybody's time.
  if (!interrupted) writeFileSync(stampFile, stamp);
}

/** The folder of Node's headers: npm carries every release as a package for each platform. Null when it can't be had. */
async function fetchHeaders(dir, version) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const packed = await runQuietly('npm', ['pack', `${name}@${version}`, '--pack-destination', dir, '--loglevel=error'], { cwd: dir });
  const [file] = readdirSync(dir).filter((it) => it.endsWith('.tgz'));
  if (packed.code !== 0 || file === undefined) return null;
  const unpacked = await runQuietly('tar', ['-xzf', join(dir, file), '-C', dir, 'package/include']);
  return unpacked.code === 0 ? join(dir, 'package') : null;
}

function isInstalled(program) {
  return (process.env.PATH ?? '').split(delimiter).some((dir) => dir !== '' && existsSync(join(dir, program)));
}
