// Reads a secret for a command: from the terminal without echo, or from stdin when that is a file or pipe. Never from the command
// line, which other users and the shell's history see.

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CommandFailure, exitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

/** `prompt` is shown to whoever types it; `what` names it when it is too long ("token"). The text is as it came, with its line end. */
export async function readSecret(
  terminal: Terminal,
  input: NodeJS.ReadStream,
  prompt: string,
  what: string,
  charactersMax: number,
): Promise<string> {
  if (input.isTTY) {
    terminal.err(prompt);
    const mute = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input, output: mute, terminal: true });
    try {
      return await lines.question('');
    } finally {
      lines.close();
    }
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    const buffer = Buffer.from(chunk as Buffer);
    bytes += buffer.length;
    chunks.push(buffer);
    if (bytes > charactersMax) throw new CommandFailure(exitCode.usage, `the ${what} on stdin is too long`);
  }
  return Buffer.concat(chunks).toString('utf8');
}
