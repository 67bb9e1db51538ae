import type { Command } from 'commander';

/** One example or two for each command, as they are typed. */
const examples: Readonly<Record<string, readonly string[]>> = {
  start: ['cyrus start', 'cyrus --home /srv/cyrus start'],
  demo: ['cyrus demo'],
  run: ['cyrus run --task "Add a farewell to the greeting" --repo ~/src/app'],
  status: ['cyrus status', 'cyrus status --check'],
  tasks: ['cyrus tasks --live', 'cyrus tasks --limit 100 --json'],
  'cost-report': ['cyrus cost-report --period week --by model', 'cyrus cost-report --by issue --json'],
  logs: ['cyrus logs ENG-7', 'cyrus logs ENG-7 -f'],
  explain: ['cyrus explain ENG-7'],
  stop: ['cyrus stop ENG-7'],
  steer: ['cyrus steer ENG-7 "Leave the old name in place as well."'],
  answer: ['cyrus answer ENG-7 "raise by 7.50"', 'cyrus answer ENG-7 "Try again"'],
  pause: ['cyrus pause ENG-7'],
  resume: ['cyrus resume ENG-7'],
  retry: ['cyrus retry ENG-7', 'cyrus retry ENG-7 "The database is back: try once more."'],
  doctor: ['cyrus doctor', 'cyrus doctor --bundle support.tar.gz'],
  'linear login': ['cyrus linear login'],
  'linear logout': ['cyrus linear logout'],
  'linear status': ['cyrus linear status'],
  'codegen setup': ['cyrus codegen setup', 'pass show codegen | cyrus codegen setup --token - --org-id 42 --cost-per-run 2'],
  'codegen test': ['cyrus codegen test --task "Say hello in README.md" --repo acme/app'],
  backup: ['cyrus backup ~/cyrus-2026-11-21.tar.gz'],
  restore: ['cyrus --home /srv/cyrus restore ~/cyrus-2026-11-21.tar.gz'],
  gc: ['cyrus gc --dry-run'],
  'config validate': ['cyrus config validate', 'cyrus config validate ./config.json'],
  'config get': ['cyrus config get', 'cyrus config get repositories.app.baseBranch'],
  'config set': ['cyrus config set strategy hybrid-smart budgets.perDayUsd 20', 'pass show linear | cyrus config set linear.token -'],
  'config unset': ['cyrus config unset limits.maxParallelAgents'],
  'executor test': ['cyrus executor test mine', 'cyrus executor test --command "/opt/mine/agent --json"'],
  'prompts list': ['cyrus prompts list'],
  'prompts show': ['cyrus prompts show builder'],
  'prompts check': ['cyrus prompts check'],
};

/** Puts them below the help of each command, and the way to it below what a command refuses. */
export function addExamples(command: Command, path: readonly string[] = []): void {
  const name = path.join(' ');
  if (path.length > 0) command.showHelpAfterError(`See: cyrus ${name} --help`);
  const lines = examples[name] ?? [];
  if (lines.length > 0) command.addHelpText('after', `\nFor example:\n${lines.map((line) => `  ${line}`).join('\n')}`);
  for (const inner of command.commands) addExamples(inner, [...path, inner.name()]);
}
