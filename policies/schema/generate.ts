// Writes policy.schema.json, the JSON Schema that editors use, from the schema that the engine loads policies by.
// Run it after a change of policies/engine/document.ts: npm run policy-schema

import { writeFileSync } from 'node:fs';
import * as z from 'zod';
import { policyDocument } from '../engine/document.ts';

export const schemaPath = new URL('./policy.schema.json', import.meta.url);

/** The JSON Schema as it stands in the file. Draft 7, which every editor reads; yaml-language-server knew no later one for years. */
export function schemaText(): string {
  const schema = z.toJSONSchema(policyDocument, { io: 'input', target: 'draft-7' });
  return `${JSON.stringify({ title: 'Sallyport policy', ...schema }, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(schemaPath, schemaText());
