import { expect, test, vi } from 'vitest';
import { eventLog } from './event-log.ts';
import { type LocalRun, localRuns } from './local-runs.ts';

const key = (number = 1) => ({ attemptId: 'attempt', number });

function run(): LocalRun & { readonly stopped: () => boolean } {
  const log = eventLog();
  let stopped = false;
  return {
    log,
    currentStep: 'Bash',
    stopped: () => stopped,
    send: () => 'steered',
    async stop() {
      stopped = true;
      log.push({ type: 'complete', result: { state: 'cancelled', output: '' } });
    },
  };
}

test('concurrent and later starts by one key begin one run', async () => {
  const runs = localRuns('test', 'home-');
  const begin = vi.fn(async () => run());
  const refs = await Promise.all([runs.start(key(), begin), runs.start(key(), begin)]);
  refs.push(await runs.start(key(), begin));
  expect(begin).toHaveBeenCalledTimes(1);
  expect(new Set(refs.map((ref) => ref.runId))).toEqual(new Set(['home-attempt.1']));
  expect(runs.find(key())).toEqual(refs[0]);
  expect(runs.find(key(2))).toBeUndefined();
});

test('a start that failed may be tried again', async () => {
  const runs = localRuns('test');
  await expect(runs.start(key(), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(runs.find(key())).toBeUndefined();
  await expect(runs.start(key(), async () => run())).resolves.toMatchObject({ runId: 'attempt.1' });
});

test('a stop while the run is starting stops it as soon as it is there', async () => {
  const runs = localRuns('test');
  const begun = run();
  const gate = Promise.withResolvers<LocalRun>();
  const starting = runs.start(key(), () => gate.promise);
  const stopping = runs.stop({ executorId: 'test', runId: 'attempt.1' });
  gate.resolve(begun);
  await starting;
  expect(await stopping).toBe('confirmed');
  expect(begun.stopped()).toBe(true);
});

test('the state follows the run, and an unknown run is neither running nor anything else', async () => {
  const runs = localRuns('test');
  const ref = await runs.start(key(), async () => run());
  expect(runs.status(ref)).toEqual({ state: 'running', rawState: 'running', currentStep: 'Bash' });
  await runs.stop(ref);
  expect(runs.status(ref)).toEqual({ state: 'cancelled', rawState: 'cancelled' });
  const unknown = { executorId: 'test', runId: 'other.1' };
  expect(runs.status(unknown)).toMatchObject({ state: 'unknown' });
  expect(runs.send(unknown, { id: 1, text: 'x' })).toBe('too_late');
  const events = [];
  for await (const event of runs.attach(unknown)) events.push(event);
  expect(events).toMatchObject([{ type: 'complete', result: { state: 'failed', failure: { class: 'sandbox_lost' } } }]);
});

test('of finished runs only the newest are remembered', async () => {
  const runs = localRuns('test');
  for (let number = 1; number <= 260; number++) await runs.stop(await runs.start(key(number), async () => run()));
  expect(runs.find(key(1))).toBeUndefined();
  expect(runs.find(key(260))).toBeDefined();
});
