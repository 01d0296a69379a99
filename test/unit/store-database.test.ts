// The database as a file: what a power cut may take, and what another program that locks it costs.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { openDatabase } from '../../src/store/database.ts';
import { temporaryDirectory } from '../support/directories.ts';

const migrations = [{ id: 'things-1', sql: 'CREATE TABLE things (id INTEGER)' }];

t.test('with fsync each commit waits for the disk', (t) => {
  const path = join(temporaryDirectory(t, 'database'), 'x.db');
  const synchronous = (durability: 'kernel' | 'fsync') => {
    const db = openDatabase(path, migrations, durability);
    const value: unknown = db.pragma('synchronous', { simple: true });
    db.close();
    return value;
  };
  const [normal, full] = [1, 2];
  t.equal(synchronous('kernel'), normal);
  t.equal(synchronous('fsync'), full);
  t.end();
});

t.test('one that another program has locked is not waited for: that would stop everybody', (t) => {
  const path = join(temporaryDirectory(t, 'database'), 'x.db');
  const db = openDatabase(path, migrations);
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  const startedMs = performance.now();
  t.throws(() => db.exec('INSERT INTO things VALUES (1)'), { code: 'SQLITE_BUSY' });
  t.ok(performance.now() - startedMs < 2000);
  other.close();
  db.exec('INSERT INTO things VALUES (1)');
  db.close();
  t.end();
});
