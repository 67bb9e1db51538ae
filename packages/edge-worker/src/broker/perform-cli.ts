import type { Perform } from './outcome.ts';

/** Writes for a terminal: nothing leaves, whoever watches follows the table. */
export const performCli: Perform = async () => ({ state: 'sent', result: {} });
