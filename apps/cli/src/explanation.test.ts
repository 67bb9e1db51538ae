import type { StoredAnalysis, StoredDecision } from 'cyrus-store/queries/decision-list';
import { expect, test } from 'vitest';
import { explanation } from './explanation.ts';

const analysis: StoredAnalysis = {
  type: 'builder',
  complexity: 'medium',
  urgency: 'high',
  requiresContext: 'any',
  requiresIsolation: false,
  requiresParallelExecution: false,
  labels: ['urgent'],
  reasons: ['builder: its label says so', 'medium: 120 words'],
  refinedBy: null,
};
const estimate = (dollars: number, minutes: number): StoredDecision['estimate'] => ({
  cost: { p50: dollars * 1_000_000, p90: dollars * 3_000_000 },
  durationMs: { p50: minutes * 60_000, p90: minutes * 120_000 },
  success: 0.8,
  from: 'like 12 finished here before',
});
const task = {
  identifier: 'ENG-7',
  title: 'Add a farewell',
  planState: 'running',
  state: 'running',
  parkedReason: null,
  waiting: null,
  question: null,
  repositoryId: 'app',
} as const;
const decision: StoredDecision = {
  number: 1,
  executorId: 'codegen',
  reason: 'hybrid-smart: larger changes go to the cloud',
  strategy: 'hybrid-smart',
  estimate: estimate(1, 11),
  analysis,
  alternatives: [
    { executorId: 'claude', kind: 'local', possible: true, why: 'it comes later in the order', estimate: estimate(0, 10) },
    { executorId: 'cursor', kind: 'cloud', possible: false, why: 'resting until 14:00 UTC (it answers 503)', estimate: estimate(2, 11) },
  ],
  at: 0,
  state: 'failed',
  cost: 420_000,
  startedAt: 1_000,
  endedAt: 361_000,
  failure: { class: 'network', message: 'Codegen did not answer.' },
};

test('says what the task was taken for, who got it and why, what was expected and what it was, and what else there was', () => {
  const text = explanation(task, analysis, [decision], 400_000).map((line) => line.replace(/\d\d:\d\d:\d\d/, 'TIME'));
  expect(text).toEqual([
    'ENG-7 Add a farewell (app, running)',
    '',
    'Taken for a task of medium size, a change of the code (builder), urgent',
    '  – builder: its label says so',
    '  – medium: 120 words',
    '',
    'Attempt 1: codegen (chosen at TIME, strategy hybrid-smart)',
    '  why       hybrid-smart: larger changes go to the cloud',
    '  expected  about $1.00 and 11m 00s, at most $3.00 in 9 of 10; 8 of 10 succeed; like 12 finished here before',
    '  was       failed: $0.42, 6m 00s (Codegen did not answer.)',
    '  instead   claude could have: it comes later in the order (nothing more to pay, about 10m 00s; 8 of 10 succeed)',
    '            cursor could not: resting until 14:00 UTC (it answers 503) (about $2.00 and 11m 00s, at most $6.00 in 9 of 10; 8 of 10 succeed)',
  ]);
});

test('a task that waits says why; one that was not looked at yet says so', () => {
  const waiting = { ...task, state: 'ready', waiting: 'Waiting until 14:00 UTC: codegen: resting. It goes on by itself.' } as const;
  expect(explanation(waiting, null, [], 0).at(-1)).toBe('Waiting until 14:00 UTC: codegen: resting. It goes on by itself.');
  expect(explanation({ ...task, state: 'ready' }, null, [], 0).at(-1)).toBe('No executor has been chosen yet.');
});

test('a task that asks says what, and how to answer', () => {
  const asking = { ...task, state: 'asking', question: "Today's budget of $0.80 is used up. What shall I do?" } as const;
  expect(explanation(asking, null, [], 0).slice(-2)).toEqual([
    "It asks: Today's budget of $0.80 is used up. What shall I do?",
    'Answer with: cyrus answer ENG-7 "…"',
  ]);
});

test('an attempt under way tells what it took so far', () => {
  const lines = explanation(
    task,
    analysis,
    [{ ...decision, state: 'running', endedAt: null, failure: null, cost: null, alternatives: [] }],
    61_000,
  );
  expect(lines).toContain('  was       running: no cost known, 1m 00s so far');
  expect(lines).toContain('  instead   nothing else is configured');
});

test('what was decided on another day says on which', () => {
  const at = new Date(2026, 10, 19, 9, 30, 5).getTime();
  const lines = explanation(task, analysis, [{ ...decision, at }], at + 3 * 86_400_000);
  expect(lines).toContain('Attempt 1: codegen (chosen at 2026-11-19 09:30:05, strategy hybrid-smart)');
});
