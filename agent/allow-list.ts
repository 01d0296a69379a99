// What an agent may dial: host:port patterns that its owner wrote on its own machine. A pattern names a host, or addresses by
// CIDR. The judgement is made on the address that is dialled, after the name was resolved: a name that points elsewhere
// between check and use changes nothing.

import { BlockList, isIP, isIPv6 } from 'node:net';

/** One pattern as parsed. */
export interface Pattern {
  readonly text: string;
  /** Lower-case host name (with `*.` for its subdomains), or null for addresses. */
  readonly name: string | null;
  readonly block: BlockList | null;
  /** First and last port. */
  readonly ports: readonly [number, number];
}

export type Allowed = { readonly kind: 'allowed' } | { readonly kind: 'refused'; readonly reason: string };

export const patternsMax = 100;

/** Reads patterns: `db.internal:5432`, `*.db.internal:5432`, `10.0.0.0/8:5432-5439`, `[fd00::/8]:22`, `10.1.2.3:*`. Throws an Error in words. */
export function parseAllowList(texts: readonly string[]): Pattern[] {
  if (texts.length === 0) throw new Error('the allow-list is empty: an agent that may reach nothing has no use (--allow db.internal:5432)');
  if (texts.length > patternsMax) throw new Error(`the allow-list has more than ${patternsMax} patterns: use networks (10.1.0.0/16:5432)`);
  return texts.map(parsePattern);
}

/** May this agent be asked for that host at all? Names are matched as written; addresses by their network. */
export function judgeRequest(patterns: readonly Pattern[], host: string, port: number): Allowed {
  const asked = bare(host);
  if (asked.includes('%')) return refused(`${host}:${port} names an interface of the agent's machine`);
  const fits = patterns.some(
    (pattern) => portFits(pattern, port) && (isIP(asked) === 0 ? mayBeName(pattern, asked) : addressFits(pattern, asked)),
  );
  return fits ? { kind: 'allowed' } : refused(`${host}:${port} is not on the allow-list of this agent`);
}

/**
 * May this address be dialled for that host? A name pattern vouches for wherever the name points, but for link-local,
 * loopback, multicast and unspecified addresses: cloud metadata (169.254.169.254), the agent's own machine. Those have to be
 * listed as addresses, or be named "localhost".
 */
export function judgeAddress(patterns: readonly Pattern[], host: string, address: string, port: number): Allowed {
  const asked = bare(host);
  if (isIP(address) === 0 || address.includes('%')) return refused(`${host}:${port} stands for "${address}", which is no plain address`);
  const fitting = patterns.filter((pattern) => portFits(pattern, port));
  if (fitting.some((pattern) => addressFits(pattern, address))) return { kind: 'allowed' };
  const named = isIP(asked) === 0 && fitting.some((pattern) => nameFits(pattern, asked));
  if (!named) return refused(`${host}:${port} stands for ${address}, which is not on the allow-list of this agent`);
  const kind = specialKind(address);
  if (kind === null || (kind === 'loopback' && asked === 'localhost')) return { kind: 'allowed' };
  return refused(`${host}:${port} stands for ${address}, a ${kind} address: such have to be on the allow-list as addresses`);
}

/** IPv4 inside IPv6 (::ffff:169.254.169.254, 64:ff9b::a9fe:a9fe) is judged as the IPv4 address that it reaches. */
export function plainAddress(address: string): string {
  const bytes = ipv6Bytes(address);
  if (bytes === null) return address;
  const hex = bytes.toString('hex');
  const inside =
    hex.startsWith('00000000000000000000ffff') || hex.startsWith('0064ff9b0000000000000000') || /^0{24}(?!0000000[01])/.test(hex);
  return inside ? [...bytes.subarray(12)].join('.') : address;
}

function parsePattern(text: string): Pattern {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\*|\d{1,5}(?:-\d{1,5})?)$/.exec(text.trim());
  if (match === null)
    throw new Error(`"${text}" is not a pattern: write host:port, as in db.internal:5432, 10.1.0.0/16:5432-5439 or [fd00::/8]:22`);
  const host = (match[1] ?? match[2] ?? '').toLowerCase();
  const ports = parsePorts(text, match[3] ?? '');
  const [base = '', prefix] = host.split('/');
  if (isIP(base) !== 0) return { text, name: null, block: parseBlock(text, base, prefix), ports };
  if (prefix !== undefined || !/^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(host)) {
    throw new Error(`"${text}" does not name a host: write a name, *.name for those below it, an address or a network`);
  }
  // 1.2.3 and 0x7f.1 are addresses to some resolvers: a pattern must mean one thing.
  if (/^(0x[0-9a-f]*|\d+)$/.test(host.split('.').at(-1) ?? '')) throw new Error(`"${text}" is neither a name nor a whole address`);
  return { text, name: host, block: null, ports };
}

function parsePorts(text: string, written: string): readonly [number, number] {
  if (written === '*') return [1, 65_535];
  const [from = 0, to = from] = written.split('-').map(Number);
  if (from < 1 || to > 65_535 || from > to) throw new Error(`"${text}" has no port from 1 to 65535`);
  return [from, to];
}

function parseBlock(text: string, base: string, prefix: string | undefined): BlockList {
  const family = isIPv6(base) ? 'ipv6' : 'ipv4';
  const bitsMax = family === 'ipv6' ? 128 : 32;
  const bits = prefix === undefined ? bitsMax : Number(prefix);
  if (prefix !== undefined && (!/^\d{1,3}$/.test(prefix) || bits > bitsMax))
    throw new Error(`"${text}" has no prefix length from 0 to ${bitsMax}`);
  const block = new BlockList();
  block.addSubnet(base, bits, family);
  return block;
}

function portFits({ ports: [from, to] }: Pattern, port: number): boolean {
  return port >= from && port <= to;
}

function nameFits({ name }: Pattern, host: string): boolean {
  if (name === null) return false;
  return name.startsWith('*.') ? host.endsWith(name.slice(1)) && host.length > name.length - 1 : host === name;
}

/** A name may also stand for an address inside a network that is listed: known only once it is resolved. */
function mayBeName(pattern: Pattern, host: string): boolean {
  return pattern.block !== null || nameFits(pattern, host);
}

function addressFits({ block }: Pattern, address: string): boolean {
  const plain = plainAddress(address);
  return block !== null && block.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

/** "[::1]" and "::1" are the same host, and names are not told apart by case or by the dot at their end. */
function bare(host: string): string {
  return host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
}

const special: readonly (readonly [string, readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]])[] = [
  [
    'link-local',
    [
      ['169.254.0.0', 16, 'ipv4'],
      ['fe80::', 10, 'ipv6'],
    ],
  ],
  // Metadata of AWS over IPv6 and of Alibaba Cloud; Azure's wire server.
  [
    'metadata',
    [
      ['fd00:ec2::254', 128, 'ipv6'],
      ['100.100.100.200', 32, 'ipv4'],
      ['168.63.129.16', 32, 'ipv4'],
    ],
  ],
  [
    'loopback',
    [
      ['127.0.0.0', 8, 'ipv4'],
      ['::1', 128, 'ipv6'],
    ],
  ],
  [
    'unspecified',
    [
      ['0.0.0.0', 8, 'ipv4'],
      ['::', 128, 'ipv6'],
    ],
  ],
  [
    'multicast or reserved',
    [
      ['224.0.0.0', 3, 'ipv4'],
      ['ff00::', 8, 'ipv6'],
    ],
  ],
];

const specialBlocks = special.map(([kind, subnets]) => {
  const block = new BlockList();
  for (const [base, bits, family] of subnets) block.addSubnet(base, bits, family);
  return { kind, block };
});

function specialKind(address: string): string | null {
  const plain = plainAddress(address);
  const family = isIPv6(plain) ? 'ipv6' : 'ipv4';
  return specialBlocks.find(({ block }) => block.check(plain, family))?.kind ?? null;
}

function ipv6Bytes(address: string): Buffer | null {
  if (!isIPv6(address)) return null;
  const [plain = ''] = address.split('%');
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const hex = (high: string | undefined, low: string | undefined) => ((Number(high) << 8) | Number(low)).toString(16);
  const text = dotted === null ? plain : `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}`;
  const [head = '', tail] = text.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const [first, last] = [groups(head), tail === undefined ? [] : groups(tail)];
  const all = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}

function refused(reason: string): Allowed {
  return { kind: 'refused', reason };
}
