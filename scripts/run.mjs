// Runs a child in its own process group and ends the whole group when this process is told to stop,
// so that an interrupted install or build leaves nothing behind.

import { spawn } from 'node:child_process';

const running = new Set();
const outputKeptBytes = 8 * 1024;

/** The words a step failed with, and the end of what the tool printed. */
export class StepFailed extends Error {
  constructor(message, output = '') {
    super(message);
    this.name = 'StepFailed';
    this.output = output;
  }
}

/** Runs a program quietly; keeps the end of its output for when it fails. Answers { code, output }. */
export function runQuietly(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    running.add(child);
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-outputKeptBytes);
      options.onOutput?.(String(chunk));
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      running.delete(child);
      reject(new StepFailed(`${command} could not be started: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      running.delete(child);
      resolve({ code: code ?? 1, signal, output });
    });
  });
}

/** Ends every child that `runQuietly` still runs, with its children. */
export function endRunning(signal = 'SIGTERM') {
  for (const child of running) {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has just ended by itself.
    }
  }
}
