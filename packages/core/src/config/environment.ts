import type { ConfigWarning } from './known-keys.ts';
import { type Path, pathText } from './mask.ts';

interface Variable {
  readonly name: string;
  readonly path: readonly string[];
  readonly kind?: 'number' | 'boolean';
}

/** Every environment variable that sets a value of the configuration, with the value it sets. */
export const environmentVariables: readonly Variable[] = [
  { name: 'LINEAR_TOKEN', path: ['linear', 'token'] },
  { name: 'LINEAR_REFRESH_TOKEN', path: ['linear', 'refreshToken'] },
  { name: 'LINEAR_CLIENT_ID', path: ['linear', 'clientId'] },
  { name: 'LINEAR_CLIENT_SECRET', path: ['linear', 'clientSecret'] },
  { name: 'LINEAR_WEBHOOK_SECRET', path: ['linear', 'webhookSecret'] },
  { name: 'GITHUB_TOKEN', path: ['github', 'token'] },
  { name: 'GITHUB_APP_ID', path: ['github', 'app', 'appId'] },
  { name: 'GITHUB_APP_PRIVATE_KEY', path: ['github', 'app', 'privateKey'] },
  { name: 'GITHUB_APP_PRIVATE_KEY_PATH', path: ['github', 'app', 'privateKeyPath'] },
  { name: 'GITHUB_WEBHOOK_SECRET', path: ['github', 'webhookSecret'] },
  { name: 'ANTHROPIC_API_KEY', path: ['claude', 'apiKey'] },
  { name: 'CODEGEN_API_TOKEN', path: ['codegen', 'apiToken'] },
  { name: 'CODEGEN_ORG_ID', path: ['codegen', 'orgId'] },
  { name: 'CURSOR_API_KEY', path: ['cursor', 'apiKey'] },
  { name: 'DATABASE_URL', path: ['database', 'url'] },
  { name: 'CYRUS_LINEAR_API_URL', path: ['linear', 'apiUrl'] },
  { name: 'CYRUS_GITHUB_API_URL', path: ['github', 'apiUrl'] },
  { name: 'CYRUS_CLAUDE_API_URL', path: ['claude', 'apiUrl'] },
  { name: 'CYRUS_CLAUDE_BINARY', path: ['claude', 'binaryPath'] },
  { name: 'CYRUS_HOST', path: ['server', 'host'] },
  { name: 'CYRUS_API_TOKEN', path: ['server', 'apiToken'] },
  { name: 'CYRUS_PORT', path: ['server', 'port'], kind: 'number' },
  { name: 'CYRUS_MODEL', path: ['defaultModel'] },
  { name: 'CYRUS_EXECUTOR', path: ['executor'] },
  { name: 'CYRUS_ALLOW_UNSANDBOXED', path: ['allowUnsandboxed'], kind: 'boolean' },
  { name: 'CYRUS_MAX_PARALLEL_AGENTS', path: ['limits', 'maxParallelAgents'], kind: 'number' },
  { name: 'CYRUS_DRAIN_MS', path: ['drainMs'], kind: 'number' },
  { name: 'CYRUS_LOG_LEVEL', path: ['logLevel'] },
];

/** The variable that sets this value or one inside it. */
export function variableOf(path: Path): string | undefined {
  return environmentVariables.find((variable) => path.every((part, index) => variable.path[index] === part))?.name;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Merged {
  readonly value: Readonly<Record<string, unknown>>;
  /** Which variable set a path, so that a mistake in it is told by its name. */
  readonly setBy: Readonly<Record<string, string>>;
  readonly warnings: readonly ConfigWarning[];
}

/**
 * The file's values with the environment's over them; an empty variable counts as absent. Pure: `file` stays as it is.
 * `LINEAR_TOKEN` and `GITHUB_TOKEN` replace tokens inside `repositories` and `linearWorkspaces` too, as long as the file has no more than one:
 * with several workspaces one variable cannot stand for all.
 */
export function mergeEnvironment(file: Readonly<Record<string, unknown>>, environment: Environment): Merged {
  const value = structuredClone(file) as Record<string, unknown>;
  const setBy: Record<string, string> = {};
  for (const variable of environmentVariables) {
    const text = environment[variable.name]?.trim();
    if (!text) continue;
    if (setAt(value, variable.path, parsed(text, variable.kind))) setBy[pathText(variable.path)] = variable.name;
  }
  const warnings = [
    ...overInlineTokens(value, 'linearToken', 'LINEAR_TOKEN', environment),
    ...overInlineTokens(value, 'githubToken', 'GITHUB_TOKEN', environment),
  ];
  return { value, setBy, warnings };
}

function parsed(text: string, kind: Variable['kind']): unknown {
  if (kind === 'number' && Number.isFinite(Number(text))) return Number(text);
  if (kind === 'boolean') {
    if (/^(?:1|true|yes|on)$/i.test(text)) return true;
    if (/^(?:0|false|no|off)$/i.test(text)) return false;
  }
  return text;
}

/** False where a value on the way is no object: that mistake of the file is reported, not covered up. */
function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): boolean {
  const [key, ...rest] = path;
  if (key === undefined) return false;
  if (rest.length === 0) {
    target[key] = value;
    return true;
  }
  target[key] ??= {};
  return isRecord(target[key]) && setAt(target[key], rest, value);
}

function overInlineTokens(value: Record<string, unknown>, key: string, name: string, environment: Environment): ConfigWarning[] {
  const token = environment[name]?.trim();
  if (!token) return [];
  const repositories = Array.isArray(value['repositories']) ? value['repositories'] : [];
  const workspaces = isRecord(value['linearWorkspaces']) ? Object.values(value['linearWorkspaces']) : [];
  const holders = [...repositories, ...workspaces].filter(isRecord).filter((holder) => typeof holder[key] === 'string');
  const several = new Set(holders.map((holder) => holder[key])).size > 1;
  if (several) {
    const message = `${name} is used only where there is no ${key}, because the file has several of them`;
    return [{ path: 'repositories', message }];
  }
  for (const holder of holders) holder[key] = token;
  return [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
