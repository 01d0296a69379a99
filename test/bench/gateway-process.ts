// The gateway under test, in a process of its own: node gateway-process.ts CONFIG PERSON…. Prints one line of JSON when it is
// ready and ends on SIGTERM or when its standard input closes (which it does when the benchmark dies).

import { loadConfig } from '../../src/config/load.ts';
import { startGateway } from '../../src/gateway.ts';

const tokenTtlMs = 24 * 3_600_000;
const linkTtlMs = 10 * 60_000;

const [configPath = '', ...people] = process.argv.slice(2);
const gateway = await startGateway(loadConfig(configPath));
const tokens = people.map((person) => gateway.identity.issueToken(person, { name: 'bench', ttlMs: tokenTtlMs }).token);
const links = people.map((person) => gateway.identity.createLoginLink(person, linkTtlMs, person));
process.stdout.write(`${JSON.stringify({ addresses: gateway.addresses, tokens, links })}\n`);

let closing = false;
const close = () => {
  if (closing) return;
  closing = true;
  void gateway.close().then(() => process.exit(0)); // an exit writes the CPU profile, when one was asked for
};
process.on('SIGTERM', close);
process.on('SIGINT', () => undefined); // Ctrl-C goes to the whole group; the benchmark ends this process itself
process.stdin.on('end', close).resume();
