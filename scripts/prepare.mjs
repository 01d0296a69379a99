// What the demo and the tests need before they can start: Node 24 and the packages (from npm), and the built console.
// Each part is skipped when it is up to date, so that a second start takes no time. Any Node >= 18 can run this.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { step } from './progress.mjs';
import { StepFailed, runQuietly } from './run.mjs';
import { buildSshCrypto } from './ssh-crypto.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const nodeNeeded = 24;

const nodeBinary = join(root, 'node_modules/node/bin/node');

/** Throws words when this very process is too old to prepare anything. */
export function checkNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 18) return;
  throw new StepFailed(
    `Node ${process.versions.node} is too old: Node 18 or newer is needed to install (it then fetches Node ${nodeNeeded} for itself).`,
  );
}

/** The Node that runs Sallyport: the one that npm installed, else this one if it is new enough, else null. */
export function findNode() {
  if (existsSync(nodeBinary)) return nodeBinary;
  return Number(process.versions.node.split('.')[0]) >= nodeNeeded ? process.execPath : null;
}

/** Environment in which the project's own tools and its Node come first. */
export function toolEnvironment() {
  const node = findNode();
  const first = [join(root, 'node_modules/.bin'), ...(node === null ? [] : [dirname(node)])];
  // What Node made of sources and packages, as bin/sallyport.mjs keeps it: hundreds of test files import the same.
  const compiled = process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules/.cache/node');
  return { ...process.env, PATH: [...first, process.env.PATH].join(':'), NODE_COMPILE_CACHE: compiled };
}

/**
 * Installs the packages of package-lock.json unless they are there. Their install scripts are left out, because a bare machine has
 * neither compiler nor Python, and npm would run node-gyp for better-sqlite3 although that brings its binaries along. Two matter: the one
 * that fetches Node itself, and, where there is a compiler, ssh2's.
 */
export async function installPackages() {
  if (!packagesCurrent()) await installFromNpm();
  await buildSshCrypto(root, findNode());
}

async function installFromNpm() {
  await step('Installing packages from npm (first start; about a minute)', async () => {
    const install = (...args) => npm(...args, '--ignore-scripts', '--no-audit', '--no-fund');
    let result = await install('ci');
    // A lock file that npm does not accept (another platform, another registry) is no reason to stop: package.json pins every version.
    if (result.code !== 0 && result.signal === null) result = await install('install', '--no-save');
    if (result.signal !== null) throw new StepFailed('The installation was interrupted.');
    if (result.code !== 0)
      throw new StepFailed(
        'npm could not install the packages. Is the npm registry reachable, and is there space on the disk?',
        result.output,
      );
  });
  await step(`Installing Node ${nodeNeeded} from npm`, async () => {
    const result = await npm('rebuild', 'node', '--ignore-scripts=false');
    if (result.signal !== null) throw new StepFailed('The installation was interrupted.');
    if (findNode() === null) {
      throw new StepFailed(
        `Node ${nodeNeeded} is needed, this is ${process.versions.node}, and the npm package "node" could not be installed.`,
        result.output,
      );
    }
  });
}

function npm(...args) {
  return runQuietly('npm', [...args, '--loglevel=error'], { cwd: root, env: process.env });
}

/** True when what npm last installed has every version that the lock file names. */
function packagesCurrent() {
  const installedFile = join(root, 'node_modules/.package-lock.json');
  if (findNode() === null || !existsSync(installedFile)) return false;
  const wanted = readJson(join(root, 'package-lock.json')).packages;
  const installed = readJson(installedFile).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    // Optional ones are other platforms' binaries; where one of them is there, its version must fit too.
    if (installed[path] === undefined) return entry.optional === true;
    return installed[path].version === entry.version;
  });
}

/** Builds the console into dist/console unless it was built from exactly these sources. */
export async function buildConsole() {
  const config = join(root, 'src/console/vite.config.ts');
  if (!existsSync(config)) return;
  const stampFile = join(root, 'dist/console.stamp');
  const stamp = sourceHash([join(root, 'src/console'), join(root, 'src/api/contract.ts'), join(root, 'package-lock.json')]);
  if (existsSync(join(root, 'dist/console/index.html')) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  await step('Building the console', async () => {
    const vite = join(root, 'node_modules/vite/bin/vite.js');
    const result = await runQuietly(findNode(), [vite, 'build', '--config', config], {
      cwd: root,
      env: { ...toolEnvironment(), NO_COLOR: '1', FORCE_COLOR: undefined },
    });
    if (result.code !== 0) throw new StepFailed('The console could not be built.', result.output);
    mkdirSync(dirname(stampFile), { recursive: true });
    writeFileSync(stampFile, stamp);
  });
}

function sourceHash(paths) {
  const hash = createHash('sha256');
  const add = (path, isDirectory) => {
    if (isDirectory) {
      const entries = readdirSync(path, { withFileTypes: true });
      for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) add(join(path, entry.name), entry.isDirectory());
    } else {
      hash
        .update(`${relative(root, path)}\0`)
        .update(readFileSync(path))
        .update('\0');
    }
  };
  for (const path of paths) if (existsSync(path)) add(path, !/\.[a-z]+$/.test(path));
  return hash.digest('hex');
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
