import { report } from './soak/report.ts';
import { runSoak } from './soak/run.ts';
import type { Claim } from './support/measure.ts';

/**
 * Calls of Linear's API a task, over a mixed day: follow-ups, edits, stops, questions and answers, other people's blocked, closed and deleted
 * issues, and a Linear that fails now and then, so that what is tried again counts too. Nothing is killed.
 */
export const measure: Claim = async ({ samples, say }) => {
  const issues = samples(100);
  const actions = Math.ceil((issues * 40) / 300);
  const deadlineMs = (120 + 6 * issues) * 1_000;
  const day = await runSoak(
    { issues, actions, kills: 0, seed: 1, json: false, keep: false, deadlineMs },
    say,
    new AbortController().signal,
  );
  if (!day.pass) throw new Error(`the day went wrong:\n${report(day)}`);
  const { linearCalls, tasks } = day;
  return [
    {
      name: 'linear-calls',
      value: linearCalls / tasks,
      unit: 'count',
      floor: null,
      target: { of: 'value', atMost: 24 },
      samples: tasks,
    },
  ];
};
