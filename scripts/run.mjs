// Runs a child in its own process group and ends the whole group when this process is told to stop,
// so that an interrupted install or build leaves nothing behind.

import { spawn } from 'node:child_process';

const running = new Set();
const outputKeptBytes = 8 * 1024;

/** How long a child that was told to end may tidy up. npm goes on installing when it is told while it unpacks. */
const graceMs = 2000;

/** Nothing is begun any more once this process was told to stop. */
let ended = false;

/** The words a step failed with, and the end of what the tool printed. */
export class StepFailed extends Error {
  constructor(message, output = '') {
    super(message);
    this.name = 'StepFailed';
    this.output = output;
  }
}

/**
 * Runs a program quietly; keeps the end of its output for when it fails. Answers { code, output }. With `patient` it is only asked to end,
 * for what must not be cut off.
 */
export function runQuietly(command, args, { patient = false, ...options } = {}) {
  return new Promise((resolve, reject) => {
    if (ended) return reject(new StepFailed('Interrupted.'));
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    child.patient = patient;
    running.add(child);
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-outputKeptBytes);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      running.delete(child);
      reject(new StepFailed(`${command} could not be started: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      running.delete(child);
      if (ended) reject(new StepFailed('Interrupted.'));
      else resolve({ code: code ?? 1, signal, output });
    });
  });
}

/** Ends every child that `runQuietly` still runs, with its children, and lets no other begin. */
export function endRunning(signal = 'SIGTERM') {
  ended = true;
  for (const child of running) {
    signalGroup(child, signal);
    if (!child.patient) setTimeout(() => running.has(child) && signalGroup(child, 'SIGKILL'), graceMs);
  }
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has just ended by itself.
  }
}
