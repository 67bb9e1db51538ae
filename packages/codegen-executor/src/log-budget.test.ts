import { manualClock } from 'cyrus-core/clock';
import { expect, test } from 'vitest';
import { createLogBudget } from './log-budget.ts';

test('one run is looked at every three seconds', () => {
  const clock = manualClock(1_000_000);
  const reading = createLogBudget(clock).join();
  const looks: number[] = [];
  for (let second = 0; second < 12; second++) {
    if (reading.mayLook()) looks.push(second);
    clock.advance(1_000);
  }
  expect(looks).toEqual([0, 3, 6, 9]);
});

test('fifty runs take turns, never more than twenty-six looks in the first minute and twenty in the next', () => {
  const clock = manualClock(1_000_000);
  const budget = createLogBudget(clock);
  const readings = Array.from({ length: 50 }, () => budget.join());
  const looked = new Set<number>();
  const perMinute = [0, 1, 2].map(() => {
    let count = 0;
    for (let second = 0; second < 60; second++) {
      for (const [index, reading] of readings.entries()) {
        if (!reading.mayLook()) continue;
        count++;
        looked.add(index);
      }
      clock.advance(1_000);
    }
    return count;
  });
  expect(perMinute[0]).toBeLessThanOrEqual(26);
  expect(perMinute[1]).toBeLessThanOrEqual(20);
  expect(looked.size).toBe(50);
});

test('who leaves makes room, and a clock that is set back does no harm', () => {
  const clock = manualClock(1_000_000);
  const budget = createLogBudget(clock);
  const [one, ...others] = [budget.join(), budget.join(), budget.join()];
  for (const other of others) other.leave();
  expect(one?.mayLook()).toBe(true);
  clock.advance(-60_000);
  expect(one?.mayLook()).toBe(false);
  clock.advance(63_000);
  expect(one?.mayLook()).toBe(true);
});
