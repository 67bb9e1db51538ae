import { expect, test } from 'vitest';
import { createBodyGate } from './body-gate.ts';

const settled = async (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

test('admits up to the byte limit, and the next in turn when one leaves', async () => {
  const gate = createBodyGate({ bodies: 10, bytes: 100, waiting: 10 });
  const first = await gate.enter(60);
  const second = gate.enter(60);
  const third = gate.enter(10);
  expect(await settled(second)).toBe(false);
  expect(await settled(third), 'small ones do not overtake for ever').toBe(false);
  first?.();
  expect(await settled(second)).toBe(true);
  expect(await settled(third)).toBe(true);
});

test('a body larger than the limit gets in alone, and leaving twice frees its room once', async () => {
  const gate = createBodyGate({ bodies: 2, bytes: 10, waiting: 10 });
  const huge = await gate.enter(1_000);
  const next = gate.enter(10);
  expect(await settled(next)).toBe(false);
  huge?.();
  huge?.();
  expect(await settled(next)).toBe(true);
  expect(await settled(gate.enter(1))).toBe(false);
});

test('turns away when too many wait', async () => {
  const gate = createBodyGate({ bodies: 1, bytes: 10, waiting: 1 });
  await gate.enter(1);
  void gate.enter(1);
  expect(await gate.enter(1)).toBeNull();
});
