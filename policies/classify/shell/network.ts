// Programs that talk to other machines: never free, because what leaves this way is seen by nobody. What they write and run
// here is named as well.

import type { Call, Reader } from './call.ts';
import { writesFiles } from './call.ts';
import { operands, searchOptions } from './options.ts';
import type { Argument } from './words.ts';
import { literal } from './words.ts';

function connects(call: Call, why: string, address: string | null = null): void {
  call.found.effect('run', 'unknown', 'program', call.name);
  call.found.effect('network', 'unknown', 'address', address);
  call.found.risk(call.span, why);
}

const talks: Reader = (call) => connects(call, 'connects to another machine', operands(call.args)[0]?.text ?? null);

/** curl and wget also write files. */
const fetches =
  (writing: readonly string[]): Reader =>
  (call) => {
    connects(call, 'connects to another machine', call.args.find(({ text }) => /^\w+:\/\//.test(text ?? ''))?.text ?? null);
    const search = searchOptions(call.args, { options: writing });
    if (search.kind !== 'found') return;
    for (const { value, index } of search.found) {
      const target: Argument | undefined = value === null ? call.args[index + 1] : literal(value, call.span);
      if (target !== undefined) writesFiles(call, [target]);
    }
  };

/** ssh HOST COMMAND: the other machine's shell reads the words joined by blanks. */
const ssh: Reader = (call) => {
  connects(call, 'runs on another machine, or opens a tunnel');
  const words = call.args.map(({ text }) => text);
  const host = words.findIndex((text) => text !== null && !text.startsWith('-'));
  const command = words.slice(host + 1);
  if (host !== 0 || command.length === 0 || command.includes(null)) return;
  call.script(command.join(' '), call.span);
};

const all = (names: string, reader: Reader): [string, Reader][] => names.split(' ').map((name) => [name, reader]);

export const network: ReadonlyMap<string, Reader> = new Map([
  ...all(
    'ping ping6 dig host nslookup traceroute tracepath mtr nc ncat netcat socat telnet ftp tftp sftp lftp whois nmap tcpdump ssh-keyscan aria2c smbclient ssh-copy-id openssl aws gcloud az',
    talks,
  ),
  ['curl', fetches(['-o', '--output', '-O', '--remote-name', '-c', '--cookie-jar', '-D', '--dump-header'])],
  ['wget', fetches(['-O', '--output-document', '-o', '--output-file', '-P', '--directory-prefix'])],
  ['ssh', ssh],
]);
