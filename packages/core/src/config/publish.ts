import { writeFile } from 'node:fs/promises';
import { configJsonSchemaText } from './json-schema.ts';

/** Writes the published schema: `node --conditions=cyrus-source packages/core/src/config/publish.ts`. */
await writeFile(new URL('../../../../docs/config.schema.json', import.meta.url), configJsonSchemaText());
