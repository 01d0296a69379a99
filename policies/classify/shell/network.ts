// Programs that talk to other machines: never free, because what leaves this way is seen by nobody. What they write and run
// here is named as well.

import type { Call, Reader } from './call.ts';
import { reads, writesFiles } from './call.ts';
import { operands, searchOptions } from './options.ts';
import type { Argument } from './words.ts';
import { literal } from './words.ts';

function connects(call: Call, why: string, address: string | null = null): void {
  call.found.effect('run', 'unknown', 'program', call.name);
  call.found.effect('network', 'unknown', 'address', address);
  call.found.risk(call.span, why);
}

const talks: Reader = (call) => connects(call, 'connects to another machine', operands(call.args)[0]?.text ?? null);

/** What leaves with a question for a name is the name: one that stands in the text is in the log, and nothing else goes with it. */
const asks = (call: Call, names: readonly Argument[]): void => {
  const hidden = names.find(({ text }) => text === null || !/^[\w.:-]+$/.test(text));
  if (hidden !== undefined) return connects(call, 'what it asks other machines for is only known when it runs');
  for (const { text } of names) call.found.effect('network', 'read', 'address', text);
  reads(call);
};

/** dig NAME [TYPE], host NAME, nslookup NAME: an option or another word may lead to another server or port. */
const looksUp =
  (wordsMax: number): Reader =>
  (call) => {
    const words = call.args.filter(({ text }) => text !== '+short');
    if (words.length === 0 || words.length > wordsMax || words.some(({ prefix }) => !/^\w/.test(prefix))) return talks(call);
    asks(call, words);
  };

/** getent asks for names of machines over the network, and for all others here. */
const getent: Reader = (call) => {
  const [database, ...names] = call.args;
  if (/^(?:passwd|group|shadow|gshadow|services|protocols|rpc|ethers|aliases|initgroups|netgroup)$/.test(database?.text ?? ''))
    return reads(call);
  if (/^(?:hosts|ahosts|ahostsv4|ahostsv6|networks)$/.test(database?.text ?? '')) return asks(call, names);
  connects(call, 'it may ask other machines');
};

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
    'ping ping6 traceroute tracepath mtr nc ncat netcat socat telnet ftp tftp sftp lftp whois nmap tcpdump ssh-keyscan aria2c smbclient ssh-copy-id openssl aws gcloud az',
    talks,
  ),
  ['dig', looksUp(2)],
  ['host', looksUp(1)],
  ['nslookup', looksUp(1)],
  ['getent', getent],
  ['curl', fetches(['-o', '--output', '-O', '--remote-name', '-c', '--cookie-jar', '-D', '--dump-header'])],
  ['wget', fetches(['-O', '--output-document', '-o', '--output-file', '-P', '--directory-prefix'])],
  ['ssh', ssh],
]);
