#!/usr/bin/env node
// The command. It checks the Node version before it imports anything else, because older versions can't even read the rest
// (TypeScript that runs as it is), and a native add-on crashes on them without a word. Plain JavaScript for any Node.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const neededMajor = 24;
const major = Number(process.versions.node.split('.')[0]);

if (major >= neededMajor) {
  const { enableCompileCache } = await import('node:module');
  // What Node made of the sources is kept beside the packages, for this user and this Node alone: a gateway starts in half the time.
  // Where that folder can't be written (an image, a hardened service), nothing is kept.
  enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)));
  const { main } = await import('../src/main.ts');
  const code = await main(process.argv.slice(2));
  // A pipe takes 64 KiB at a time, and what still waits in this process would be lost with it.
  for (const stream of [process.stdout, process.stderr]) await new Promise((written) => stream.write('', written));
  // Not by the natural end: there Node 24 can spin for ever over TLS connections that were cut.
  process.exit(code);
} else {
  const inPackage = ['../node_modules/node/bin/node', '../../node/bin/node', '../../.bin/node']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (inPackage === undefined || process.env.SALLYPORT_NODE_TRIED !== undefined) {
    process.stderr.write(
      `Sallyport needs Node ${neededMajor} or newer; this is ${process.version} (${process.execPath}).\n` +
        'Install it (https://nodejs.org), or run `npm install` in the folder of Sallyport, which brings one along.\n',
    );
    process.exitCode = 1;
  } else {
    runWith(inPackage);
  }
}

/** Runs this file again with another Node and ends as it ends. */
function runWith(node) {
  const child = spawn(node, [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    // Guards against a packaged Node that is too old itself.
    env: { ...process.env, SALLYPORT_NODE_TRIED: '1' },
  });
  child.on('error', (error) => {
    process.stderr.write(`${node} can't be run: ${error.message}\n`);
    process.exitCode = 1;
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child by itself.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
