import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertMove, canMove, isFinal, type Machine, transitions } from './states.ts';

const machines = Object.keys(transitions) as Machine[];
const initial: Record<Machine, string> = {
  turn: 'open',
  plan: 'drafting',
  task: 'waiting',
  attempt: 'reserved',
  host_job: 'queued',
  outbound_write: 'queued',
};
const table = transitions as Record<string, Record<string, readonly string[]>>;

describe.each(machines)('%s', (machine) => {
  const states = Object.keys(table[machine] ?? {});

  test('every pair of states is allowed exactly where the table says so', () => {
    for (const from of states)
      for (const to of states) {
        const allowed = (table[machine]?.[from] ?? []).includes(to);
        expect(canMove(machine, from as never, to as never), `${from} to ${to}`).toBe(allowed);
        if (!allowed) expect(() => assertMove(machine, from as never, to as never)).toThrow(`from ${from} to ${to}`);
      }
  });

  test('every state is reached from the first one, and every live state can end', () => {
    const reach = (start: string): Set<string> => {
      const seen = new Set([start]);
      for (const state of seen) for (const next of table[machine]?.[state] ?? []) seen.add(next);
      return seen;
    };
    expect([...reach(initial[machine])].sort()).toEqual([...states].sort());
    for (const state of states) expect([...reach(state)].some((end) => isFinal(machine, end as never))).toBe(true);
  });
});

test('a random walk never leaves a final state', () => {
  fc.assert(
    fc.property(fc.constantFrom(...machines), fc.array(fc.nat(20), { maxLength: 40 }), (machine, choices) => {
      let state = initial[machine];
      for (const choice of choices) {
        const next = table[machine]?.[state] ?? [];
        if (next.length === 0) return isFinal(machine, state as never);
        state = next[choice % next.length] ?? state;
      }
      return true;
    }),
  );
});
