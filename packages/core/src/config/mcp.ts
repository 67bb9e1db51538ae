import { z } from 'zod';
import { err, ok, type Result } from '../result.ts';
import { explainIssue } from './explain-issue.ts';
import { findJsonMistake } from './json-mistake.ts';
import type { ConfigWarning } from './known-keys.ts';
import { pathText, shown } from './mask.ts';
import type { ConfigError } from './parse.ts';

/** A program that speaks MCP over stdin and stdout. */
export interface McpStdioServer {
  readonly type: 'stdio';
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Of one call. */
  readonly timeout?: number;
  /** Its tools are in every prompt, instead of being searched for. */
  readonly alwaysLoad?: boolean;
}

/** A server that answers at an address. */
export interface McpHttpServer {
  readonly type: 'http' | 'sse';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly alwaysLoad?: boolean;
}

export type McpServer = McpStdioServer | McpHttpServer;

/** What a file like `.mcp.json` says, its variables filled in. */
export interface McpFile {
  readonly servers: Readonly<Record<string, McpServer>>;
  readonly warnings: readonly ConfigWarning[];
  /** Values that are not to be shown, wherever they turn up. */
  readonly secrets: readonly string[];
}

/** Agents have Cyrus's own tools under these names. */
const taken: readonly string[] = ['linear'];

const filled = z.string().min(1, 'a text that is not empty');
const options = { timeout: z.number().int().min(1).exactOptional(), alwaysLoad: z.boolean().exactOptional() };
const texts = z.record(z.string(), z.string());
const header = z
  .string()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
  .regex(/^[^\u0000-\u0008\u000a-\u001f\u007f]*$/, 'a text in one line');
const stdio = z.object({
  type: z.literal('stdio').default('stdio'),
  command: filled,
  args: z.array(z.string()).exactOptional(),
  env: texts.exactOptional(),
  ...options,
});
const http = z.object({
  type: z.enum(['http', 'sse']).default('http'),
  url: z.string().refine(isPlainAddress, 'an address that starts with https:// or http://, without a user and password'),
  headers: z.record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'the name of a header'), header).exactOptional(),
  ...options,
});
const other: Readonly<Record<string, string>> = { 'streamable-http': 'http', streamableHttp: 'http' };

/**
 * Reads the text of a file like `.mcp.json`: `{"mcpServers": {NAME: {command, args, env} | {type, url, headers}}}`. `${VAR}` and
 * `${VAR:-default}` are filled in wherever Claude Code does: `command`, `args`, `env`, `url`, `headers`. Every mistake is told at once,
 * with the file in its path and no secret in it.
 */
export function parseMcpFile(
  text: string,
  source: string,
  environment: Readonly<Record<string, string | undefined>>,
): Result<McpFile, readonly ConfigError[]> {
  const bare = text.replace(/^\uFEFF/, '');
  const broken = findJsonMistake(bare);
  if (broken) {
    const path = `${source}, line ${broken.line}, column ${broken.column}`;
    return err([{ path, value: broken.found, allowed: broken.expected, fix: 'the file is not valid JSON from here on' }]);
  }
  const file: unknown = JSON.parse(bare);
  const named = at(file, 'mcpServers');
  if (typeof named !== 'object' || named === null || Array.isArray(named)) {
    const fix = 'write {"mcpServers": {"NAME": {"command": "…"}}}, or {"type": "http", "url": "…"} for a server with an address';
    return err([{ path: `${source}: mcpServers`, value: shown([], named), allowed: 'an object: servers by their names', fix }]);
  }
  const read = Object.entries(named).map(([name, server]: [string, unknown]) => readServer(name, server, source, environment));
  const mistakes = read.flatMap((one) => one.mistakes);
  if (mistakes.length > 0) return err(mistakes);
  return ok({
    servers: Object.fromEntries(read.flatMap(({ name, server }) => (server ? [[name, server]] : []))),
    warnings: read.flatMap(({ warnings }) => warnings),
    secrets: [...new Set(read.flatMap(({ secrets }) => secrets))],
  });
}

interface ReadServer {
  readonly name: string;
  readonly server?: McpServer;
  readonly mistakes: readonly ConfigError[];
  readonly warnings: readonly ConfigWarning[];
  readonly secrets: readonly string[];
}

function readServer(name: string, given: unknown, source: string, environment: Readonly<Record<string, string | undefined>>): ReadServer {
  const place = (path: readonly (string | number)[]): string => `${source}: ${pathText(['mcpServers', name, ...path])}`;
  const nothing = { name, mistakes: [], warnings: [], secrets: [] };
  const mistaken = (path: readonly (string | number)[], value: string, allowed: string, fix: string): ReadServer => ({
    ...nothing,
    mistakes: [{ path: place(path), value, allowed, fix }],
  });
  // Tools are called mcp__NAME__TOOL, and rules go by that.
  if (!/^(?!.*__)[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?$/.test(name))
    return mistaken(
      [],
      JSON.stringify(name),
      'a name of letters, digits, dashes and single underscores, at most 64',
      'give the server another name',
    );
  if (taken.includes(name)) {
    const message = `is left out: agents have tools of Cyrus under this name. Give the server another one, such as "${name}-mcp"`;
    return { ...nothing, warnings: [{ path: place([]), message }] };
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return mistaken([], shown([], given), 'an object: { … }', 'give it a "command", or a "url"');
  const { type } = given as { readonly type?: unknown };
  const renamed = typeof type === 'string' && Object.hasOwn(other, type) ? { ...given, type: other[type] } : given;
  const isHttp = type === undefined ? 'url' in renamed : type !== 'stdio';
  if (!isHttp && !('command' in renamed) && 'url' in renamed)
    return mistaken(['type'], '"stdio"', '"http" or "sse" for a server with a url', 'change the type');
  if (isHttp && 'command' in renamed)
    return mistaken([], 'an object', 'a "command", or a "url" with type "http" or "sse"', 'take one of the two away');
  const expanded = expand(renamed as Readonly<Record<string, unknown>>, environment);
  const missing = expanded.missing.map(
    ({ path, variable }): ConfigError => ({
      path: place(path),
      value: `\${${variable}}`,
      allowed: 'a variable of the environment of Cyrus',
      fix: `set ${variable} where Cyrus is started, or write \${${variable}:-default}`,
    }),
  );
  const schema = isHttp ? http : stdio;
  const checked = schema.safeParse(expanded.value);
  const wrong = checked.success
    ? []
    : checked.error.issues
        // What a missing variable leaves behind is no mistake of its own.
        .filter((issue) => !expanded.missing.some(({ path }) => path.join('/') === issue.path.join('/')))
        .map((issue): ConfigError => {
          const { path: _, ...told } = explainIssue(issue, expanded.value);
          const path = issue.path.filter((part) => typeof part !== 'symbol');
          const hidden = ['headers', 'env', 'args', 'url'].includes(String(path[0])) && told.value !== 'nothing';
          return { ...told, path: place(path), ...(hidden ? { value: '*** (hidden)' } : {}) };
        });
  if (!checked.success || missing.length > 0) return { ...nothing, mistakes: [...missing, ...wrong] };
  const unknown = Object.keys(renamed).filter((key) => !Object.hasOwn(schema.shape, key));
  return {
    ...nothing,
    server: checked.data as McpServer,
    warnings: unknown.map((key) => ({ path: place([key]), message: 'is not used here and has no effect' })),
    secrets: [...expanded.secrets, ...secretsIn(checked.data as McpServer)],
  };
}

interface Expanded {
  readonly value: Readonly<Record<string, unknown>>;
  readonly missing: readonly { readonly path: readonly (string | number)[]; readonly variable: string }[];
  readonly secrets: readonly string[];
}

const variables = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

function expand(server: Readonly<Record<string, unknown>>, environment: Readonly<Record<string, string | undefined>>): Expanded {
  const missing: { path: (string | number)[]; variable: string }[] = [];
  const secrets: string[] = [];
  const walk = (value: unknown, path: (string | number)[]): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]));
    if (typeof value !== 'string') return value;
    return value.replace(variables, (whole, variable: string, otherwise: string | undefined) => {
      const set = environment[variable];
      if (set !== undefined && isSecretName(variable)) secrets.push(set);
      if (set === undefined && otherwise === undefined) missing.push({ path, variable });
      return set ?? otherwise ?? whole;
    });
  };
  const fields = ['command', 'args', 'env', 'url', 'headers'];
  const entries = Object.entries(server).map(([key, value]) => [key, fields.includes(key) ? walk(value, [key]) : value]);
  return { value: Object.fromEntries(entries), missing, secrets };
}

const secretName =
  /(?:token|secret|password|passwd|credentials?|authorization|cookie|(?:api|access|account|auth|license|private|secret|signing)_?key)$/i;
/** Whether what is called so is a secret. */
const isSecretName = (name: string): boolean => secretName.test(name.replaceAll('-', '_'));

/** Of headers, variables and parameters: what is called a secret. The scheme before a token is none of it. */
function secretsIn(server: McpServer): readonly string[] {
  const named =
    server.type === 'stdio'
      ? Object.entries(server.env ?? {})
      : [...Object.entries(server.headers ?? {}), ...new URL(server.url).searchParams];
  return named.flatMap(([name, value]) => (isSecretName(name) ? [value.replace(/^\S+ (?=\S+$)/, '')] : []));
}

function isPlainAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}
