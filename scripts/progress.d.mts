// Types of progress.mjs, for the demo's own TypeScript.

export const colour: boolean;
export function bold(text: string): string;
export function dim(text: string): string;
export function red(text: string): string;
export function green(text: string): string;
export function yellow(text: string): string;
export function say(text?: string): void;
export function step<T>(title: string, work: (setWords: (words: string) => void) => T | Promise<T>): Promise<T>;
