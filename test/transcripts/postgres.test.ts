// Golden transcripts of the PostgreSQL relay. A file under transcripts/postgres holds input lines (`client …`, `target …`,
// `approve`, `reject …`, `withdraw`) and, indented below each, everything that happened because of it.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { Player } from './postgres-player.ts';

const folder = new URL('./postgres/', import.meta.url);

for (const name of readdirSync(folder)
  .filter((it) => it.endsWith('.txt'))
  .sort()) {
  t.test(name, async (t) => {
    const golden = readFileSync(new URL(name, folder), 'utf8');
    const player = new Player();
    const played = golden
      .split('\n')
      .filter((line) => !line.startsWith('    '))
      .flatMap((line) => (line === '' || line.startsWith('#') ? [line] : [line, ...player.play(line).map((it) => `    ${it}`)]))
      .join('\n');
    // UPDATE_TRANSCRIPTS=1 writes what happened; the change is then read by a person like any other.
    if (process.env['UPDATE_TRANSCRIPTS'] === '1') writeFileSync(new URL(name, folder), played);
    t.equal(played, golden);
  });
}
