import { expect, test } from 'vitest';
import { createLock } from './lock.ts';

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

test('shared work runs together, exclusive work alone, and later work waits for it', async () => {
  const lock = createLock();
  const [first, alone] = [gate(), gate()];
  const log: string[] = [];
  const say =
    (what: string, until: Promise<void> = Promise.resolve()) =>
    async () => {
      log.push(`${what} begins`);
      await until;
      log.push(`${what} ends`);
    };
  const a = lock.shared(say('a', first.opened));
  await lock.shared(say('b'));
  const c = lock.exclusive(say('c', alone.opened));
  const d = lock.shared(say('d'));
  first.open();
  await a;
  alone.open();
  await Promise.all([c, d]);
  expect(log).toEqual(['a begins', 'b begins', 'b ends', 'a ends', 'c begins', 'c ends', 'd begins', 'd ends']);
});

test('work in turn is one after the other, and what fails does not hold up the next', async () => {
  const lock = createLock();
  const log: number[] = [];
  const outcomes = await Promise.allSettled(
    [1, 2, 3].map((number) =>
      lock.inTurn(async () => {
        log.push(number);
        await Promise.resolve();
        log.push(number);
        if (number === 1) throw new Error('first');
      }),
    ),
  );
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  expect(log).toEqual([1, 1, 2, 2, 3, 3]);
  await expect(lock.exclusive(async () => 'still works')).resolves.toBe('still works');
});
