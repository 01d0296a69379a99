// A cancellation is on its way to the target over a connection of its own: what the client sends meanwhile waits until the target has
// heard it, or it would hit that.

import { setImmediate as turnEnd } from 'node:timers/promises';
import t from 'tap';
import { framed } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { Player } from '../transcripts/mysql-player.ts';

const dialect = { deprecatesEof: false, tracks: true, clientTracks: true, cachesMetadata: false, attributes: 'none' } as const;
const command = (code: number, text = ''): Buffer => framed(Buffer.from([code, ...Buffer.from(text)]), 0);

for (const fast of [true, false]) {
  t.test(`Ctrl-C twice: the next statement waits for both${fast ? '' : ', on the ordinary way'}`, async (t) => {
    const player = new Player({ fast, turns: false, showsProgress: false, dialect });
    const cancelling: (() => void)[] = [];
    player.cancelling = cancelling;
    player.send(command(wire.command.query, 'select 1'));
    player.kill('query');
    player.kill('query');
    t.equal(cancelling.length, 2);
    player.receive(player.serve());
    player.send(command(wire.command.query, 'select 2'));
    const asked = () => player.record.filter((it) => it.includes('select 2')).length > 0;
    cancelling[0]?.();
    await turnEnd();
    t.notOk(asked(), 'one of them is still on its way');
    cancelling[1]?.();
    await turnEnd();
    t.ok(asked());
  });
}

t.test('KILL QUERY of a statement that waits for the catalogue: it does not run, and the next one does', async (t) => {
  const player = new Player({ fast: true, turns: false, showsProgress: false, dialect });
  const reading: (() => void)[] = [];
  player.reading = reading;
  player.send(command(wire.command.query, 'delete from t'));
  player.kill('query');
  player.reading = null;
  reading[0]?.();
  await turnEnd();
  t.match(Buffer.from(player.toClient, 'hex').toString('latin1'), /70100Query execution was interrupted/);
  t.notOk(player.record.some((it) => it.includes('delete')));
  player.send(command(wire.command.query, 'select 2'));
  t.ok(player.record.some((it) => it.includes('select 2')));
});

t.test('a KILL QUERY while the catalogue is read and nothing was asked hits nothing', async (t) => {
  const player = new Player({ fast: true, turns: false, showsProgress: false, dialect });
  const reading: (() => void)[] = [];
  player.reading = reading;
  player.send(command(wire.command.ping));
  player.kill('query');
  player.reading = null;
  reading[0]?.();
  await turnEnd();
  player.receive(player.serve());
  player.send(command(wire.command.query, 'select 1'));
  t.ok(player.record.some((it) => it.includes('select 1')));
});
