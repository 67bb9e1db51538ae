export interface AgentEnvOptions {
  readonly searchPath: string;
  /** The conversation's own directory: the agent's home. */
  readonly home: string;
  readonly apiUrl?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly gitIdentity: { readonly name: string; readonly email: string };
  readonly maxRetries: number;
  /** The request's variables. They win over defaults, never over what holds the agent in place. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
}

/** Where the agent keeps its transcripts and settings, one per conversation. */
export const configDirectory = (home: string): string => `${home}/.claude`;
/** The agent's temporary files; apart from the host's. */
export const temporaryDirectory = (home: string): string => `${home}/tmp`;

/** The whole environment of an agent. Nothing of the service's own is inherited, so no secret of it can be. */
export function agentEnv(options: AgentEnvOptions): Record<string, string> {
  const { name, email } = options.gitIdentity;
  const defaults = {
    PATH: options.searchPath,
    LANG: 'C.UTF-8',
    TMPDIR: temporaryDirectory(options.home),
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    CI: '1',
    // Nobody looks on who would say "try again": it begins with all its MCP servers, or has waited long enough for them.
    MCP_CONNECT_TIMEOUT_MS: '30000',
  };
  const fixed = {
    HOME: options.home,
    CLAUDE_CONFIG_DIR: configDirectory(options.home),
    ...(options.apiUrl === undefined ? {} : { ANTHROPIC_BASE_URL: options.apiUrl }),
    ...(options.apiKey === undefined ? {} : { ANTHROPIC_API_KEY: options.apiKey }),
    // Without it the agent talks to its vendor's hosts besides the model API, and pays for a title per session.
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_MAX_RETRIES: String(options.maxRetries),
    // One result per run: nothing goes on behind it, and subagents are waited for.
    CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
    CLAUDE_CODE_DISABLE_CRON: '1',
    // The transcript is on disk before the agent acts on it, so that a kill loses nothing of the conversation.
    CLAUDE_CODE_EAGER_FLUSH: '1',
    CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1',
    CLAUDE_CODE_DISABLE_BUNDLED_SKILLS: '1',
    // `@path` in an issue's text must not read files past the tool policy.
    CLAUDE_CODE_DISABLE_FILE_MENTIONS: '1',
    // Says that the sandbox is ours to keep; without it the permission mode that never asks is refused to root.
    IS_SANDBOX: '1',
  };
  return { ...defaults, ...options.variables, ...fixed };
}
