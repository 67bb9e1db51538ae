/** Rebuilds `schema/linear.graphql` from the installed `@linear/sdk`: `npx node stand-ins/linear/src/schema/rebuild.ts` */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readDeclarations } from './declarations.ts';
import { toSdl } from './sdl.ts';

const schemaFile = fileURLToPath(new URL('../../schema/linear.graphql', import.meta.url));

/**
 * The schema of Linear's API as the installed SDK knows it. The SDK's declarations are generated from the
 * production schema, so they hold every type, argument and nullability of it; only descriptions are lost.
 * @throws Error when no declaration file of the SDK holds the schema
 */
export function rebuildSchema(): string {
  const dist = dirname(fileURLToPath(import.meta.resolve('@linear/sdk')));
  for (const name of readdirSync(dist).sort()) {
    if (!name.endsWith('.d.mts')) continue;
    const source = readFileSync(join(dist, name), 'utf8');
    if (source.includes('type AgentActivityCreateInput = {')) return toSdl(readDeclarations(source));
  }
  throw new Error(`no declaration file in ${dist} holds Linear's schema`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sdl = rebuildSchema();
  writeFileSync(schemaFile, sdl);
  process.stdout.write(`${schemaFile}: ${sdl.split('\n').length} lines\n`);
}
