// Writes config.schema.json anew: `node src/config/write-schema.ts`, then prettier. A test fails when the file is not current.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { jsonSchema } from './schema.ts';

export const schemaFile: string = fileURLToPath(new URL('config.schema.json', import.meta.url));

if (import.meta.main) writeFileSync(schemaFile, `${JSON.stringify(jsonSchema(), null, 2)}\n`);
