// CPU profiles of V8 (node --cpu-prof): what is read of them, and how their places are named here.

import { readFileSync } from 'node:fs';

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Ids of nodes, and the µs from the sample before. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

export function readProfile(file: string): CpuProfile {
  return JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
}

/** A file of the project or of a package by its path there; "(native)" for code without one. */
export function placeOf(url: string): string {
  if (url === '') return '(native)';
  return url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/node_modules\//, 'node_modules/')
    .replace(/^.*\/((?:src|protocols|policies|agent|test)\/)/, '$1');
}

export function nameOf({ callFrame }: ProfileNode): string {
  return callFrame.functionName || '(anonymous)';
}

/** True for samples in which the process slept. */
export function isIdle({ callFrame }: ProfileNode): boolean {
  return callFrame.functionName === '(idle)';
}
