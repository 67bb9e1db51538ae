import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Config } from 'cyrus-core/config/schema';
import type { OrderKind } from 'cyrus-edge-worker/people/orders';
import { createRedact } from 'cyrus-edge-worker/supervisor/redact';
import { CliError, exitCode } from './cli-error.ts';
import type { PromptsOptions } from './commands/prompts.ts';
import { loadConfig } from './configuration.ts';
import type { CommandContext } from './context.ts';
import { addExamples } from './help-examples.ts';
import { homeOf } from './home.ts';
import { asCliError } from './known-errors.ts';
import { createTerminal } from './terminal.ts';
import { version } from './version.ts';

const terminal = createTerminal(process.env, process.stdout, process.stderr);

function context(home: string | undefined): CommandContext {
  const where = homeOf(home, process.env);
  let config: Config | undefined;
  return {
    home: where,
    terminal,
    environment: process.env,
    config: () => {
      config ??= loadConfig(where.configFile, process.env, terminal);
      return config;
    },
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number of at least 1');
  return value;
}

function amount(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) throw new InvalidArgumentError('an amount such as 0.5');
  return value;
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError('a port from 0 to 65535');
  return value;
}

const program = new Command('cyrus')
  .description('Takes issues from Linear, has coding agents do them, and opens verified pull requests.')
  .version(version)
  .option('--home <directory>', 'where configuration and data are (default: $CYRUS_HOME or ~/.cyrus)')
  .showHelpAfterError('Show what there is with: cyrus --help')
  .exitOverride();

const here = (): CommandContext => context(program.opts<{ home?: string }>().home);

program
  .command('start')
  .description('serve: take issues from Linear and work on them until told to end')
  .option('--json', 'print one line of JSON once it is ready')
  .action(async (options: { json?: boolean }) => (await import('./commands/start.ts')).start(here(), options));

program
  .command('demo')
  .description('show the whole way of an issue on this machine, without any account')
  .option('--headless', 'for scripts: exit 0 only if the evidence is there')
  .option('--keep', 'keep the demo’s files and say where they are')
  .action(async (options: { headless?: boolean; keep?: boolean }) => (await import('./commands/demo.ts')).demo(here(), options));

program
  .command('run')
  .description('do one task in a repository, without Linear')
  .requiredOption('--task <text>', 'what to do')
  .option('--repo <path>', 'the repository', '.')
  .option('--base <branch>', 'the branch to start from')
  .option('--json', 'print the result as JSON')
  .action(async (options: import('./commands/run.ts').RunOptions) => (await import('./commands/run.ts')).run(here(), options));

program
  .command('status')
  .description('how everything stands')
  .option('--check', 'ask every executor whether it can work')
  .option('--json', 'as JSON')
  .action(async (options: { json?: boolean; check?: boolean }) => (await import('./commands/status.ts')).status(here(), options));

program
  .command('tasks')
  .description('what is under way and what was')
  .option('--live', 'only what is under way')
  .option('--limit <number>', 'how many', positive, 30)
  .option('--json', 'as JSON')
  .action(async (options: { json?: boolean; live?: boolean; limit: number }) =>
    (await import('./commands/tasks.ts')).tasks(here(), options),
  );

program
  .command('cost-report')
  .description('what was spent, and on what')
  .addOption(
    new Option('--period <period>', 'today, the last seven days, or this month').choices(['day', 'week', 'month']).default('month'),
  )
  .addOption(new Option('--by <what>', 'what to sum up by').choices(['repository', 'issue', 'executor', 'model']).default('repository'))
  .option('--json', 'as JSON; money in millionths of a dollar')
  .action(async (options: import('./commands/cost-report.ts').CostReportOptions) =>
    (await import('./commands/cost-report.ts')).costReport(here(), options),
  );

program
  .command('logs')
  .description('what happened in a task')
  .argument('<task>', 'an issue such as ENG-1, or the beginning of a task id')
  .option('-f, --follow', 'go on until the task ends')
  .option('--json', 'one JSON object a line')
  .action(async (task: string, options: { json?: boolean; follow?: boolean }) =>
    (await import('./commands/logs.ts')).logs(here(), task, options),
  );

program
  .command('explain')
  .description('why a task runs where it runs: what was chosen, what else there was, what it was to cost and did cost')
  .argument('<task>', 'an issue such as ENG-1, or the beginning of a task id')
  .option('--json', 'as JSON')
  .action(async (task: string, options: { json?: boolean }) => (await import('./commands/explain.ts')).explain(here(), task, options));

const taskArgument = ['<task>', 'an issue such as ENG-1, or the beginning of a task id'] as const;

function orderCommand(kind: OrderKind, description: string, words?: '<text>' | '[text]'): void {
  const command = program
    .command(kind)
    .description(description)
    .argument(...taskArgument);
  if (words) command.argument(words, 'what to say');
  command.option('--json', 'as JSON').action(async (task: string, ...rest: readonly unknown[]) => {
    const text = words ? (rest[0] as string | undefined) : undefined;
    const options = rest[words ? 1 : 0] as { json?: boolean };
    await (await import('./commands/order.ts')).order(here(), kind, task, text, options);
  });
}

orderCommand('stop', 'stop a task at once; its work is kept');
orderCommand('steer', 'say something to a task under way', '<text>');
orderCommand('answer', 'answer the open question of a task', '<text>');
orderCommand('pause', 'let a task rest; its work and its conversation are kept');
orderCommand('resume', 'go on with a task that rests, or that waits for other issues');
orderCommand('retry', 'begin a task again that has ended, with what it left', '[text]');

program
  .command('doctor')
  .description('check this machine, the configuration and the accounts, and say what to mend')
  .option('--json', 'as JSON')
  .option('--bundle [file]', 'write all of it, with states and logs but without secrets, into one file for whoever helps')
  .option('--with-text', 'texts of issues, prompts and what agents wrote go into the file, too')
  .action(async (options: { json?: boolean; bundle?: string | true; withText?: boolean }) => {
    const { bundle, json = false, withText = false } = options;
    if (bundle === undefined) return (await import('./commands/doctor.ts')).doctor(here(), options);
    const file = bundle === true ? {} : { file: bundle };
    return (await import('./commands/doctor-bundle.ts')).doctorBundle(here(), { ...file, json, withText });
  });

const linear = program.command('linear').description('access to Linear');
linear
  .command('login')
  .description('let a Linear application into a workspace, in a browser; the tokens renew themselves')
  .option('--port <number>', 'where the browser comes back to on this machine (0: any)', portNumber, 3457)
  .option('--json', 'the result as JSON')
  .action(async (options: { port: number; json?: boolean }) => (await import('./commands/linear-login.ts')).linearLogin(here(), options));
linear
  .command('logout')
  .description('end the tokens at Linear and forget them')
  .argument('[workspace]', 'its id or name, where there are several')
  .option('--json', 'as JSON')
  .action(async (workspace: string | undefined, options: { json?: boolean }) =>
    (await import('./commands/linear-logout.ts')).linearLogout(here(), workspace, options),
  );
linear
  .command('status')
  .description('how each workspace is reached, and until when')
  .option('--json', 'as JSON')
  .action(async (options: { json?: boolean }) => (await import('./commands/linear-status.ts')).linearStatus(here(), options));

const codegen = program.command('codegen').description('Codegen as an executor');
codegen
  .command('setup')
  .description('give Cyrus access to a Codegen organisation; asks for what is missing, and checks it before it is written')
  .option('--base-url <address>', 'of your installation of Codegen')
  .option('--token <token>', 'the API token; "-" reads it from stdin. Default: $CODEGEN_API_TOKEN, else what is configured')
  .option('--org-id <number>', 'the organisation. Default: what is configured, else the only one of the token')
  .option('--strategy <name>', 'where work goes from now on, such as hybrid-smart')
  .option('--cost-per-run <dollars>', 'what a run is assumed to cost: Codegen reports none', amount)
  .option('--model <name>', 'the model of its runs, where nothing else names one')
  .option('--no-check', 'write it without asking Codegen whether it is right')
  .option('--json', 'as JSON')
  .action(async (options: import('./commands/codegen-setup.ts').CodegenSetupOptions) =>
    (await import('./commands/codegen-setup.ts')).codegenSetup(here(), options),
  );
codegen
  .command('test')
  .description('have Codegen do one task, without Linear, plan and checks: a real run, which pushes a branch and may cost')
  .requiredOption('--task <text>', 'what to do')
  .option('--repo <repository>', 'a checkout on this machine, or OWNER/NAME')
  .option('--base <branch>', 'the branch to start from')
  .option('--timeout-minutes <number>', 'how long it may take', positive, 60)
  .option('--json', 'the result as JSON')
  .action(async (options: import('./commands/codegen-test.ts').CodegenTestOptions) =>
    (await import('./commands/codegen-test.ts')).codegenTest(here(), options),
  );

program
  .command('backup')
  .description('everything that cannot be had again, in one file, while the service runs')
  .argument('<file>', 'what to write; secrets are not in it')
  .option('--json', 'as JSON')
  .action(async (file: string, options: { json?: boolean }) => (await import('./commands/backup.ts')).backup(here(), file, options));

program
  .command('restore')
  .description('make a home of a backup; the home has to be empty')
  .argument('<file>', 'what `cyrus backup` wrote')
  .option('--json', 'as JSON')
  .action(async (file: string, options: { json?: boolean }) => (await import('./commands/restore.ts')).restore(here(), file, options));

program
  .command('gc')
  .description('give back the space of what is over: checkouts, saved work, old mirrors, conversations')
  .option('--dry-run', 'only say what could be given back')
  .option('--json', 'as JSON')
  .action(async (options: { json?: boolean; dryRun?: boolean }) => (await import('./commands/gc.ts')).gc(here(), options));

const configuration = program.command('config').description('the configuration');
configuration
  .command('validate')
  .description('tell every mistake of a configuration at once')
  .argument('[file]', 'default: config.json of the home')
  .option('--json', 'as JSON')
  .action(async (file: string | undefined, options: { json?: boolean }) =>
    (await import('./commands/config-validate.ts')).configValidate(here(), file, options),
  );
configuration
  .command('get')
  .description('the value in force: of the file, the environment or the default')
  .argument('[key]', 'such as server.port or repositories.app.baseBranch; none: everything')
  .option('--reveal', 'secrets as they are')
  .option('--json', 'as JSON')
  .action(async (key: string | undefined, options: { json?: boolean; reveal?: boolean }) =>
    (await import('./commands/config.ts')).configGet(here(), key, options),
  );
configuration
  .command('set')
  .description('change the file, when all of it is right then: KEY VALUE, and more of them')
  .argument('<words...>', 'a key and its value, as JSON or as it is; "-" reads the value from stdin')
  .option('--json', 'as JSON')
  .action(async (words: readonly string[], options: { json?: boolean }) =>
    (await import('./commands/config.ts')).configSet(here(), words, options),
  );
configuration
  .command('unset')
  .description('take keys out of the file, so that their defaults hold')
  .argument('<keys...>', 'such as limits.maxParallelAgents')
  .option('--json', 'as JSON')
  .action(async (keys: readonly string[], options: { json?: boolean }) =>
    (await import('./commands/config.ts')).configUnset(here(), keys, options),
  );

program
  .command('executor')
  .description('executors: what does the work')
  .command('test')
  .description('have an executor of this machine do small tasks, and say what to mend in it')
  .argument('[id]', 'as it is called in the configuration')
  .option('--command <line>', 'a command that is not configured yet')
  .option('--timeout <seconds>', 'of one run', positive, 120)
  .option('--json', 'as JSON')
  .action(async (id: string | undefined, options: import('./commands/executor-test.ts').ExecutorTestOptions) =>
    (await import('./commands/executor-test.ts')).executorTest(here(), id, options),
  );

const prompts = program.command('prompts').description('what agents are told: the templates, and where each is from');
const ofRepository = ['--repo <id>', "with that repository's own templates"] as const;
prompts
  .command('list')
  .description('the template of each procedure')
  .option(...ofRepository)
  .option('--json', 'as JSON, with the variables there are')
  .action(async (options: PromptsOptions) => (await import('./commands/prompts.ts')).promptsList(here(), options));
prompts
  .command('show')
  .description('a template as it is written')
  .argument('<name>', 'such as builder')
  .option(...ofRepository)
  .option('--json', 'as JSON')
  .action(async (name: string, options: PromptsOptions) => (await import('./commands/prompts.ts')).promptsShow(here(), name, options));
prompts
  .command('check')
  .description('tell every mistake of the templates at once')
  .option('--repo <id>', 'only that repository')
  .option('--json', 'as JSON')
  .action(async (options: PromptsOptions) => (await import('./commands/prompts.ts')).promptsCheck(here(), options));

addExamples(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  const known = error instanceof CliError ? error : asCliError(error);
  if (known) {
    if (known.message) terminal.err(`${terminal.style('red', 'error:')} ${known.message}`);
    if (known.fix) terminal.err(`${terminal.style('bold', 'fix:')} ${known.fix}`);
    return known.code;
  }
  // Whatever it is, it may quote an address with its password, or a token of the environment.
  const secrets = Object.entries(process.env).flatMap(([name, value]) =>
    /token|secret|key|password|url$/i.test(name) && value ? [value] : [],
  );
  terminal.err(createRedact(secrets)(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`));
  return exitCode.failed;
}
