// A thread that does with the stream it is given what the test names.

import { parentPort, type MessagePort } from 'node:worker_threads';
import { Fault } from '../../../src/core/errors.ts';
import { PortStream } from '../../../src/relay/port-stream.ts';

export type Part = 'echo' | 'stall' | 'refuse';

parentPort?.on('message', ({ port, part }: { readonly port: MessagePort; readonly part: Part }) => {
  const stream = new PortStream(port);
  switch (part) {
    case 'echo':
      stream.pipe(stream);
      return;
    case 'stall':
      return;
    case 'refuse':
      stream.destroy(new Fault('target-unreachable', 'nobody there'));
      return;
  }
});
