import { cloudExecutorConformance } from 'cyrus-executor-interface/cloud-conformance';
import { cursorHarness } from './harness.ts';

cloudExecutorConformance('cursor', () => cursorHarness());

/** Cursor then names the agents itself: the same promises without an idempotent start. */
cloudExecutorConformance('cursor, with environment variables', async () => {
  const harness = await cursorHarness({ sendEnvironmentVariables: true });
  return { ...harness, play: (script) => ({ ...harness.play(script), environmentVariables: { PORT: '4000' } }) };
});
