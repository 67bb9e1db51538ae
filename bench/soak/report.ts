import type { SoakResult } from './run.ts';

/** The result for a person: one table, what was killed, and what is wrong. */
export function report(result: SoakResult): string {
  const width = Math.max(...result.checks.map((check) => check.name.length));
  const lines = [
    `Soak: ${result.issues} issues (${result.stopped} ended by people or asking, ${result.withClaude} on Claude Code), ${result.kills.length} kills, seed ${result.seed}`,
    '',
    ...result.checks.map((check) =>
      `${check.ok ? 'ok  ' : 'FAIL'}  ${check.name.padEnd(width)}  ${check.found} of ${check.expected}`.replace(' of 0', ''),
    ),
    ...(Object.keys(result.actions).length > 0
      ? [
          '',
          `people: ${Object.entries(result.actions)
            .map(([kind, times]) => `${kind} ${times}`)
            .join(', ')}`,
        ]
      : []),
    '',
    ...result.recovery.map(
      ({ kind, count, medianMs, worstMs }) =>
        `${kind.padEnd(18)} ${count} times, on again after ${medianMs} ms (median), ${worstMs} ms (worst)`,
    ),
    `restarts ${result.restarts}, median ${result.restartMs} ms to ready; attempts ${result.attempts}; ${result.turns} turns; ${result.linearCallsPerIssue} Linear calls an issue`,
    `${(result.durationMs / 1_000).toFixed(1)} s, ${(result.issues / (result.durationMs / 1_000)).toFixed(2)} issues/s`,
  ];
  for (const check of result.checks.filter((each) => !each.ok))
    lines.push('', `${check.name}:`, ...check.wrong.slice(0, 20).map((line) => `  ${line}`));
  if (result.stuck.length > 0) lines.push('', 'Stuck:', ...result.stuck);
  lines.push('', result.pass ? 'PASS' : 'FAIL', '');
  return lines.join('\n');
}
