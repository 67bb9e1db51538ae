import { writeFile } from 'node:fs/promises';
import { protocolSchema } from './protocol.ts';

/** Writes the published schema anew: `node --conditions=cyrus-source packages/custom-executor/src/write-schema.ts`. */
await writeFile(new URL('../schema/protocol.json', import.meta.url), `${JSON.stringify(protocolSchema(), undefined, 2)}\n`);
