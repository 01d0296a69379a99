// docs/policies.md is held to the code: every YAML example loads, and every key, fact and word of the language is in it.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { readPolicyTests } from '../../policies/engine/cases.ts';
import { factTypes, factVariables } from '../../policies/engine/fact-types.ts';
import { formatProblem, loadPolicies } from '../../policies/engine/load.ts';
import { accesses, actionKinds, effectVerbs, objectKinds, principalKinds, protocols, weekdays } from '../../policies/engine/vocabulary.ts';
import { schemaText } from '../../policies/schema/generate.ts';
import { openTemplateReaders } from '../../src/composition/policy-source.ts';

const { readers, close } = await openTemplateReaders();
t.teardown(close);
const page = readFileSync(new URL('../../docs/policies.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);

t.test('every example loads', async (t) => {
  t.ok(examples.length > 10);
  for (const example of examples) {
    const name = example.split('\n').find((line) => /policy:|id:|people:/.test(line)) ?? example;
    if (example.startsWith('people:')) {
      const read = readPolicyTests('example.test.yaml', example);
      t.ok(read.ok, name, { problems: read.ok ? [] : read.errors.map(formatProblem) });
      continue;
    }
    // A fragment is a list of rules.
    const text = /^policy:/m.test(example) ? example : `policy: fragment\nrules:\n${example.replace(/^(?=.)/gm, '  ')}`;
    const loaded = loadPolicies([{ path: 'example.yaml', text }], readers);
    t.ok(loaded.ok, name, { problems: loaded.ok ? [] : loaded.errors.map(formatProblem) });
  }
});

t.test('every key, fact and word is explained', async (t) => {
  const keys = [...schemaText().matchAll(/"([a-z_]+)": \{/g)].map((match) => match[1]!).filter((key) => !/^(properties|items)$/.test(key));
  const facts = Object.entries(factTypes).flatMap(([type, { fields }]) => {
    const variable = Object.entries(factVariables).find(([, declared]) => declared === type)?.[0];
    return Object.keys(fields).map((field) => (variable === undefined ? field : `${variable}.${field}`));
  });
  for (const word of [...keys, ...facts, ...accesses, ...actionKinds, ...effectVerbs, ...objectKinds, ...principalKinds, ...protocols]) {
    if (!page.includes(`\`${word}\``) && !page.includes(`${word}:`)) t.fail(`${word} is not in docs/policies.md`);
  }
  for (const day of [weekdays[0], weekdays[6]]) t.match(page, day);
});
