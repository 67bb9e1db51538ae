import { systemClock } from 'cyrus-core/clock';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { expect, test } from 'vitest';

const found = await detectIsolation();

/** The sandboxes this machine can make. */
export const sandboxes: readonly (readonly [string, Sandbox])[] = [
  ['without isolation', createSandbox({ isolation: 'none', clock: systemClock })],
  ...(found.isolation === 'bwrap' ? [['with bubblewrap', createSandbox({ ...found, clock: systemClock })] as const] : []),
];

/** The strongest of them. */
export const bestSandbox: Sandbox = (sandboxes.at(-1) as readonly [string, Sandbox])[1];

/** Under CYRUS_NO_SKIP=1 a machine without bubblewrap fails instead of testing less. */
export function expectBubblewrap(): void {
  test.runIf(process.env['CYRUS_NO_SKIP'] === '1')('bubblewrap is there, so that nothing was skipped', () => {
    expect(found.isolation).toBe('bwrap');
  });
}
