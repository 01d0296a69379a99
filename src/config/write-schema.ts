// Writes config.schema.json anew: `node src/config/write-schema.ts`. A test fails when the file is not what this would write.

import { writeFileSync } from 'node:fs';
import { jsonSchema } from './schema.ts';

export const schemaFile: string = new URL('config.schema.json', import.meta.url).pathname;

export function schemaText(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}

if (import.meta.main) writeFileSync(schemaFile, schemaText());
