import { systemClock } from 'cyrus-core/clock';
import { describeExecutor } from 'cyrus-executor-interface/conformance';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { describe, expect, test } from 'vitest';
import { claudeHarness } from './harness.ts';

const found = await detectIsolation();

describeExecutor('claude, without isolation', () => claudeHarness(createSandbox({ isolation: 'none', clock: systemClock })));

describe.skipIf(found.isolation !== 'bwrap')('with bubblewrap', () => {
  describeExecutor('claude', () => claudeHarness(createSandbox({ ...found, clock: systemClock })));
});

test.runIf(process.env['CYRUS_NO_SKIP'] === '1')('bubblewrap is there, so that nothing above was skipped', () => {
  expect(found.isolation).toBe('bwrap');
});
