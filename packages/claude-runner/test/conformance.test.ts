import { systemClock } from 'cyrus-core/clock';
import { describeExecutor } from 'cyrus-executor-interface/conformance';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { claudeHarness } from './harness.ts';

describeExecutor('claude, without isolation', () => claudeHarness(createSandbox({ isolation: 'none', clock: systemClock })));
