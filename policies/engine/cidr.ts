// Is an address in a network? IPv4, IPv6, and IPv4 written as IPv6 (::ffff:10.0.0.1), which is what a dual-stack listener sees.

import { BlockList, isIP } from 'node:net';

const networks = new Map<string, BlockList>();
const networksMax = 1_000;

/** Null when it is a network in CIDR notation, else what is wrong with it. */
export function cidrProblem(network: string): string | null {
  const slash = network.lastIndexOf('/');
  const address = slash < 0 ? network : network.slice(0, slash);
  const family = isIP(address);
  if (family === 0) return `"${network}" is not a network (write it as "10.0.0.0/8" or "2001:db8::/32")`;
  if (slash < 0) return null;
  const prefix = network.slice(slash + 1);
  if (!/^[0-9]{1,3}$/.test(prefix) || Number(prefix) > (family === 4 ? 32 : 128)) return `"/${prefix}" is not a prefix length`;
  return null;
}

/** Throws for an address or network that is none: the rule that asked then fails closed. */
export function inNetwork(address: string, network: string): boolean {
  const plain = address.toLowerCase().startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
  const family = isIP(plain);
  if (family === 0) throw new Error(`"${address}" is not an IP address`);
  return networkOf(network).check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

function networkOf(network: string): BlockList {
  const known = networks.get(network);
  if (known !== undefined) return known;
  const problem = cidrProblem(network);
  if (problem !== null) throw new Error(problem);
  const [address, prefix] = network.split('/') as [string, string | undefined];
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  if (prefix === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(prefix), family);
  if (networks.size >= networksMax) networks.clear();
  networks.set(network, list);
  return list;
}
