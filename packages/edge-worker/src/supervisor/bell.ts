import type { Clock } from 'cyrus-core/clock';

/** Lets a loop sleep until it is rung or a time has passed. A ring while nobody waits is kept. */
export interface Bell {
  ring(): void;
  wait(ms: number): Promise<void>;
}

export function createBell(clock: Clock): Bell {
  let rung = false;
  let waiter: AbortController | undefined;
  return {
    ring() {
      rung = true;
      waiter?.abort();
    },
    async wait(ms) {
      if (!rung) {
        waiter = new AbortController();
        await clock.sleep(ms, waiter.signal);
        waiter = undefined;
      }
      rung = false;
    },
  };
}
