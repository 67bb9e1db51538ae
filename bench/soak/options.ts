import { parseArgs } from 'node:util';

export interface SoakOptions {
  readonly issues: number;
  readonly kills: number;
  readonly seed: number;
  /** How often a person does more than assign and talk; null: no day. */
  readonly actions: number | null;
  readonly json: boolean;
  /** Leaves the home, the repositories and the database where they are. */
  readonly keep: boolean;
  readonly deadlineMs: number;
}

export const usage = `Usage: npm run soak -- [options]
  --issues N      issues to bring through (12; 300 of a day)
  --seed S        of the plan: what is assigned, said, broken and when (1)
  --kills K       moments at which something is killed or frozen (half the issues; of a day one in 15)
  --day           a day in fast motion: 300 issues, people who edit, stop, steer, answer, unassign, re-assign, delete,
                  close, pause and unblock, faults from every switch, 20 kills
  --actions A     how many of the issues of a day a person does that with (40 of 300)
  --deadline S    seconds after which it fails and says what is stuck (60 + 6 an issue + 10 a kill)
  --json          the result as JSON on stdout
  --keep          keeps the files and the database
`;

/** @throws Error for what is no option or no number; its message is for the person who typed it */
export function parseOptions(args: readonly string[]): SoakOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      issues: { type: 'string' },
      day: { type: 'boolean', default: false },
      actions: { type: 'string' },
      seed: { type: 'string', default: '1' },
      kills: { type: 'string' },
      deadline: { type: 'string' },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const issues = values.issues === undefined ? (values.day ? 300 : 12) : whole('issues', values.issues, 1);
  const usualKills = values.day ? Math.ceil(issues / 15) : Math.floor(issues / 2);
  const kills = values.kills === undefined ? usualKills : whole('kills', values.kills, 0);
  const actions = values.actions === undefined ? Math.ceil((issues * 40) / 300) : whole('actions', values.actions, 0);
  const deadlineS = values.deadline === undefined ? 60 + 6 * issues + 10 * kills : whole('deadline', values.deadline, 1);
  return {
    issues,
    kills,
    seed: whole('seed', values.seed, 0),
    actions: values.day ? Math.min(actions, issues) : null,
    json: values.json,
    keep: values.keep,
    deadlineMs: deadlineS * 1_000,
  };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) throw new Error(`--${name} must be a whole number from ${least} on, not ${text}`);
  return value;
}
