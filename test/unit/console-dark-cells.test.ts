// What a QR code's path covers is what is dark in it.

import { encode } from 'uqr';
import t from 'tap';
import { darkCells } from '../../src/console/dark-cells.ts';

function covered(path: string, size: number): boolean[][] {
  const cells = Array.from({ length: size }, () => Array.from({ length: size }, () => false));
  for (const [, x, y, width, back] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-(\d+)z/g)) {
    t.equal(width, back, 'the rectangle closes');
    for (let at = Number(x); at < Number(x) + Number(width); at++) (cells[Number(y)] as boolean[])[at] = true;
  }
  return cells;
}

for (const text of [
  'a',
  'otpauth://totp/Sallyport%20gate.example%3Aalice?secret=JBSWY3DPEHPK3PXP&issuer=Sallyport%20gate.example',
  '€'.repeat(200),
])
  t.test(`${text.length} characters`, async (t) => {
    for (const border of [0, 4]) {
      const { data, size } = encode(text, { ecc: 'M', border });
      t.same(covered(darkCells(data), size), data);
    }
  });

t.test('nothing dark is no path, and a row may end dark', async (t) => {
  t.equal(darkCells([[false, false]]), '');
  t.equal(darkCells([[false, true, true]]), 'M1 0h2v1h-2z');
});
