import { bundle } from '../../e2e/support/bundle.ts';
import { type Environment, type Program, plainEnvironment, startProgram } from '../../e2e/support/program.ts';
import type { World } from '../../e2e/support/world.ts';
import { stateDirectory } from './state-directory.ts';

/** Starts `cyrus start` on the home of a world by other means than the world does: another Node, other variables. */
export async function startService(
  world: World,
  options: { readonly node?: string; readonly environment?: Environment },
): Promise<Program> {
  const { main } = await bundle();
  return startProgram([main, '--home', world.home, 'start', '--json'], {
    environment: plainEnvironment({ CYRUS_STATE_DIR: stateDirectory(world), ...options.environment }),
    ...(options.node === undefined ? {} : { node: options.node }),
  });
}
