import { join } from 'node:path';
import type { World } from '../../e2e/support/world.ts';

/** Where a world has its database when run as root (`CYRUS_STATE_DIR` of its service). */
export const stateDirectory = (world: World): string => join(world.directory, 'state');
