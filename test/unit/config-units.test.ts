import t from 'tap';
import { parseDuration, parseSize } from '../../src/config/units.ts';
import type { Parsed } from '../../src/config/units.ts';
import { nearest } from '../../src/core/nearest.ts';

const value = (parsed: Parsed): number | null => (parsed.ok ? parsed.value : null);

t.test('durations need a unit and read as written', (t) => {
  const table: [string, number | null][] = [
    ['250ms', 250],
    ['30s', 30_000],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['0s', 0],
    ['30', null],
    ['m', null],
    ['', null],
    ['-5s', null],
    ['1.5h', null],
    ['15 m', null],
    ['30m1h', null],
    ['1m1m', null],
    ['4000d', null],
    ['999999999999d', null],
  ];
  for (const [text, expected] of table) t.equal(value(parseDuration(text)), expected, JSON.stringify(text));
  t.end();
});

t.test('sizes need a unit and read as written', (t) => {
  const table: [string, number | null][] = [
    ['0B', 0],
    ['64KiB', 65_536],
    ['16MiB', 16_777_216],
    ['16 MiB', 16_777_216],
    ['1GB', 1_000_000_000],
    ['64', null],
    ['64mb', null],
    ['1.5MiB', null],
    ['999999999999GiB', null],
  ];
  for (const [text, expected] of table) t.equal(value(parseSize(text)), expected, JSON.stringify(text));
  t.end();
});

t.test('did you mean finds a slip and nothing else', (t) => {
  const known = ['password_file', 'password_env', 'protocol', 'port', 'host', 'user'];
  t.equal(nearest('passwordFile', known), 'password_file');
  t.equal(nearest('pasword_file', known), 'password_file');
  t.equal(nearest('hsot', known), 'host');
  t.equal(nearest('prot', known), 'port');
  t.equal(nearest('colour', known), null);
  t.end();
});
