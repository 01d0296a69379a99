// Loaded into each test file by scripts/test.mjs. tap's bookkeeping otherwise follows into every process that a test starts, where it
// catches signals (SIGXFSZ, SIGTERM) and slows the start down: a gateway under test must be as it is in the field.

import processOnSpawn from 'process-on-spawn';

processOnSpawn.addListener((spawned) => {
  const isOurs = ([name]) => name !== 'NODE_OPTIONS' && !name.startsWith('_TAPJS_PROCESSINFO_');
  spawned.env = Object.fromEntries(Object.entries(spawned.env).filter(isOurs));
});
