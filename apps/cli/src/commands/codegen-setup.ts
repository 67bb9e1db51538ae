import { hostedUrl } from 'cyrus-codegen-executor/failures';
import { askCodegen, type CodegenIdentity, notOne } from 'cyrus-codegen-executor/identity';
import { systemClock } from 'cyrus-core/clock';
import type { ConfigChange } from 'cyrus-core/config/edit';
import type { CodegenConfig } from 'cyrus-core/config/services';
import { strategies } from 'cyrus-core/config/strategies';
import { FailureError } from 'cyrus-core/failure';
import { answering } from '../answering.ts';
import { type Asker, createAsker, Interrupted } from '../ask.ts';
import { CliError, exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { editConfigFile } from '../edit-config.ts';
import { readInput } from '../read-input.ts';
import { plain } from '../terminal.ts';

export interface CodegenSetupOptions {
  readonly baseUrl?: string;
  readonly token?: string;
  readonly orgId?: string;
  readonly strategy?: string;
  readonly costPerRun?: number;
  readonly model?: string;
  /** False: what is given is written without asking the service. */
  readonly check: boolean;
  readonly json?: boolean;
}

/** `cyrus codegen setup`: asks for what is missing, asks the service whether it is right, and writes it down. Nothing is written before. */
export async function codegenSetup(
  context: CommandContext,
  options: CodegenSetupOptions,
  asker: Asker | undefined = createAsker(),
): Promise<void> {
  const { home, config, terminal, environment } = context;
  const before: Partial<CodegenConfig> = config().codegen ?? {};
  checkStrategy(options.strategy);
  try {
    const baseUrl = options.baseUrl ?? (await asker?.text('Address of your Codegen installation', before.baseUrl)) ?? before.baseUrl;
    const token = await tokenOf(context, options, before, asker);
    checkNumber(options.orgId);
    const identity = options.check ? await identityOf(baseUrl, token.value) : undefined;
    if (identity) terminal.err(`The token belongs to ${plain(identity.user)}.`);
    const orgId = await organisationOf(options, before, identity, asker);
    const strategy = options.strategy ?? (await strategyOf(config().strategy, asker));
    const wanted: readonly (ConfigChange | false)[] = [
      { key: 'codegen.enabled', value: true },
      baseUrl !== undefined && baseUrl !== (before.baseUrl ?? hostedUrl) && { key: 'codegen.baseUrl', value: baseUrl },
      // What the environment says is not copied into the file.
      (options.orgId !== undefined || !environment['CODEGEN_ORG_ID']?.trim()) && { key: 'codegen.orgId', value: orgId },
      token.write && { key: 'codegen.apiToken', value: token.value },
      strategy !== undefined && { key: 'strategy', value: strategy },
      options.costPerRun !== undefined && { key: 'codegen.estimatedCostPerRunUsd', value: options.costPerRun },
      options.model !== undefined && { key: 'codegen.defaultModel', value: options.model },
    ];
    const edited = await editConfigFile(
      context,
      wanted.filter((change) => change !== false),
    );
    // That nothing goes there yet is said below, with what to do.
    for (const { path, message } of edited.warnings) if (path !== 'codegen.strategy') terminal.err(`warning: ${path}: ${message}`);
    const name = identity?.organisations.find(({ id }) => id === orgId)?.name ?? null;
    const service = edited.changed ? await answering(edited.config.server) : undefined;
    if (options.json) {
      const answer = {
        ok: true,
        changed: edited.changed,
        file: home.configFile,
        orgId,
        organisation: name,
        strategy: edited.config.strategy,
      };
      return terminal.out(JSON.stringify({ ...answer, user: identity?.user ?? null, restartNeeded: service !== undefined }));
    }
    terminal.out(`Codegen is set up in ${home.configFile}: organisation ${name === null ? '' : `${plain(name)} `}(${orgId}).`);
    if (edited.config.strategy === 'local-only')
      terminal.err('The strategy is "local-only", so it gets no task yet. Give it some with: cyrus config set strategy hybrid-smart');
    terminal.err('Try it with: cyrus codegen test --task "…" --repo PATH');
    if (service) terminal.err(`Cyrus is running at ${service}: end it and start it again for this to count.`);
  } catch (error) {
    if (error instanceof Interrupted) throw new CliError('Not finished: nothing has been written.', { code: exitCode.usage });
    throw error;
  }
}

interface Token {
  readonly value: string;
  readonly write: boolean;
}

async function tokenOf(
  { environment, terminal }: CommandContext,
  { token }: CodegenSetupOptions,
  before: Partial<CodegenConfig>,
  asker: Asker | undefined,
): Promise<Token> {
  if (token === '-') return { value: (await readInput()).trim(), write: true };
  if (token !== undefined) {
    terminal.err('warning: the shell may keep this token in its history; --token - reads it from stdin');
    return { value: token, write: true };
  }
  if (environment['CODEGEN_API_TOKEN']?.trim()) return { value: environment['CODEGEN_API_TOKEN'].trim(), write: false };
  if (before.apiToken !== undefined) return { value: before.apiToken, write: false };
  if (asker) return { value: await asker.secret('API token (it is not shown)'), write: true };
  throw missing('token', '--token - (reads it from stdin), or CODEGEN_API_TOKEN');
}

async function identityOf(baseUrl: string | undefined, apiToken: string): Promise<CodegenIdentity> {
  const asked = await askCodegen({ baseUrl: baseUrl ?? hostedUrl, apiToken, clock: systemClock });
  if (asked.ok) return asked.value;
  const { message, fix } = asked.error;
  throw new CliError(`${/[.!?]$/.test(message) ? message : `${message}.`} Nothing has been written.`, fix === undefined ? {} : { fix });
}

const isNumber = (id: string | number): boolean => /^\d+$/.test(String(id));

/** A mistake in the command is said before anybody is asked. */
function checkNumber(orgId: string | undefined): void {
  if (orgId === undefined || isNumber(orgId)) return;
  throw new CliError(`"${orgId}" is no organisation of Codegen.`, {
    code: exitCode.usage,
    fix: 'Give its number, as the settings of the organisation in Codegen show it.',
  });
}

function checkStrategy(strategy: string | undefined): void {
  if (strategy === undefined || (strategies as readonly string[]).includes(strategy)) return;
  throw new CliError(`"${strategy}" is no strategy.`, { code: exitCode.usage, fix: `Give one of these: ${strategies.join(', ')}.` });
}

async function organisationOf(
  { orgId }: CodegenSetupOptions,
  before: Partial<CodegenConfig>,
  identity: CodegenIdentity | undefined,
  asker: Asker | undefined,
): Promise<number> {
  const all = identity?.organisations ?? [];
  const given = orgId ?? before.orgId;
  const usable = given !== undefined && isNumber(given) ? Number(given) : undefined;
  if (usable !== undefined && identity && !all.some(({ id }) => id === usable)) {
    if (orgId !== undefined || !asker) throw new FailureError(notOne(usable, identity));
  } else if (usable !== undefined) return usable;
  const [only] = all;
  if (only && all.length === 1) return only.id;
  if (asker && all.length > 1)
    return Number(
      await asker.choose(
        'Which organisation?',
        all.map(({ id, name }) => ({ value: String(id), label: `${plain(name)} (${id})` })),
      ),
    );
  const listed = all.length === 0 ? '' : `: ${all.map(({ id, name }) => `${plain(name)} (${id})`).join(', ')}`;
  throw missing('organisation', `--org-id NUMBER${listed}`);
}

async function strategyOf(now: string, asker: Asker | undefined): Promise<string | undefined> {
  if (!asker || now !== 'local-only') return undefined;
  const words: Readonly<Record<(typeof strategies)[number], string>> = {
    'hybrid-smart': 'where each task fits best',
    'hybrid-parallel': 'plan, check and merge here, work in the cloud',
    'cloud-only': 'everything in the cloud',
    'cost-optimized': 'where it costs least for what it brings',
    'local-only': 'nothing in the cloud',
  };
  const options = strategies.map((value) => ({ value, label: `${value}: ${words[value]}` }));
  return asker.choose('Where is work to go?', options, 'hybrid-smart');
}

const missing = (what: string, how: string): CliError =>
  new CliError(`The ${what} is missing, and there is nobody here to ask.`, { code: exitCode.usage, fix: `Give it with ${how}.` });
