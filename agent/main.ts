// The agent by itself, for machines where nothing else of Sallyport is: built into one file (agent/vite.config.ts).

import { parseArgs } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { messageOf } from '../src/core/errors.ts';
import { runAgent } from './run-agent.ts';

const usage = `sallyport-agent --gateway wss://gateway.example.com --state DIR --allow HOST:PORT [--allow …]

  --allow HOST:PORT   may be dialled: db.internal:5432, *.db.internal:5432, 10.1.0.0/16:5432-5439, [fd00::/8]:22
  --state DIR         where key and credential are kept
  --token-file FILE   one-time enrolment token, for the first start (or SALLYPORT_AGENT_TOKEN)
  --ca FILE           authorities to trust for the gateway, instead of the system's
  --proxy URL         http://[user:password@]host:port to go through (or SALLYPORT_AGENT_PROXY)
  --busy-poll-us N    wait so long for the next bytes of the only busy stream without sleeping (200; 0 with one processor)
  --grace-s N         told to stop, let open connections go on for so many seconds (1); new ones go to other agents
  --verbose           log every stream
`;

const text = { type: 'string' } as const;
try {
  const { values } = parseArgs({
    options: {
      gateway: text,
      state: text,
      allow: { ...text, multiple: true },
      token: text,
      'token-file': text,
      ca: text,
      proxy: text,
      'busy-poll-us': text,
      'grace-s': text,
      verbose: { type: 'boolean' },
      version: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const { gateway, state, allow, 'token-file': tokenFile, 'busy-poll-us': busyPollUs, 'grace-s': graceS, help, version, ...rest } = values;
  if (version === true) process.stdout.write(`${packageJson.version}\n`);
  else if (help === true) process.stdout.write(usage);
  else if (gateway === undefined || state === undefined || allow === undefined)
    throw new Error(`gateway, state and allow are needed\n\n${usage}`);
  else process.exit(await runAgent({ gateway, state, allow, tokenFile, busyPollUs, graceS, ...rest }, packageJson.version)); // sockets that linger must not keep it
} catch (thrown) {
  process.stderr.write(`${messageOf(thrown)}\n`);
  process.exitCode = 2;
}
