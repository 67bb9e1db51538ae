import { manualClock } from 'cyrus-core/clock';
import { expect, test } from 'vitest';
import { createFlight } from './flight.ts';

/** Work whose ends are in the hands of the test. */
function setting() {
  const clock = manualClock(1_000);
  const runs: { end: (value: string) => void; fail: (error: Error) => void; signal: AbortSignal; tell: (p: number) => void }[] = [];
  const flight = createFlight<string, number>(clock, {}, ({ signal, begin, tell }) => {
    begin();
    return new Promise((end, fail) => runs.push({ end, fail, signal, tell }));
  });
  return { clock, runs, flight };
}
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('who comes while it is under way shares it; an answer is good for whoever wants nothing newer', async () => {
  const { clock, runs, flight } = setting();
  const seen: number[] = [];
  const both = [flight.join({ since: 1_000, onProgress: (p) => seen.push(p) }), flight.join()];
  await soon();
  runs[0]?.tell(40);
  clock.advance(10);
  runs[0]?.end('first');
  expect(await Promise.all(both)).toEqual(['first', 'first']);
  expect(seen).toEqual([40]);
  expect(await flight.join({ since: 1_000 })).toBe('first');
  expect(runs).toHaveLength(1);
  const newer = flight.join({ since: 1_001 });
  await soon();
  runs[1]?.end('second');
  expect(await newer).toBe('second');
});

test('who wants something newer than what is under way waits for another', async () => {
  const { clock, runs, flight } = setting();
  const first = flight.join({ since: 1_000 });
  await soon();
  clock.advance(5);
  const second = flight.join({ since: 1_005 });
  await soon();
  runs[0]?.end('old');
  runs[1]?.end('new');
  expect([await first, await second]).toEqual(['old', 'new']);
});

test('who stops waiting is let go at once; the last one ends the work', async () => {
  const { runs, flight } = setting();
  const [one, two] = [new AbortController(), new AbortController()];
  const first = flight.join({ signal: one.signal });
  const second = flight.join({ signal: two.signal });
  await soon();
  one.abort();
  await expect(first).rejects.toThrow('Stopped.');
  expect(runs[0]?.signal.aborted).toBe(false);
  two.abort();
  await expect(second).rejects.toThrow('Stopped.');
  expect(runs[0]?.signal.aborted).toBe(true);
  runs[0]?.fail(new Error('ended'));
  const again = flight.join();
  await soon();
  runs[1]?.end('again');
  expect(await again).toBe('again');
});

test('a failure is nobody’s answer but that of those who waited', async () => {
  const { runs, flight } = setting();
  const first = flight.join({ since: 1_000 });
  await soon();
  runs[0]?.fail(new Error('no network'));
  await expect(first).rejects.toThrow('no network');
  const again = flight.join({ since: 1_000 });
  await soon();
  runs[1]?.end('there');
  expect(await again).toBe('there');
});
