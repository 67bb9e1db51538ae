import { open, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import type { ConfigWarning } from 'cyrus-core/config/known-keys';
import { type McpServer, parseMcpFile } from 'cyrus-core/config/mcp';
import type { ConfigError } from 'cyrus-core/config/parse';
import type { RepositoryConfig } from 'cyrus-core/config/schema';
import { err, ok, type Result } from 'cyrus-core/result';

/** The MCP servers of a repository, out of all its files. */
export interface LoadedServers {
  readonly servers: Readonly<Record<string, McpServer>>;
  /** The file each server is from. */
  readonly from: Readonly<Record<string, string>>;
  readonly warnings: readonly ConfigWarning[];
  readonly secrets: readonly string[];
}

const largestFile = 1024 * 1024;
/** Below the home: what agents and other people's commits write there. */
const ofAgents: readonly string[] = ['checkouts', 'conversations', 'repos', 'attachments'];

/**
 * Reads the files that `mcpConfigPath` names, in their order: of two servers with one name the later counts, whole. A path that is not
 * absolute is below the home. Every mistake of every file is told at once.
 */
export async function loadServers(
  home: string,
  { mcpConfigPath = [] }: Pick<RepositoryConfig, 'mcpConfigPath'>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Result<LoadedServers, readonly ConfigError[]>> {
  const paths = typeof mcpConfigPath === 'string' ? [mcpConfigPath] : mcpConfigPath;
  const mistakes: ConfigError[] = [];
  const warnings: ConfigWarning[] = [];
  const secrets: string[] = [];
  const servers: Record<string, McpServer> = {};
  const from: Record<string, string> = {};
  for (const path of paths) {
    const file = resolve(home, path.startsWith('~/') ? join(homedir(), path.slice(2)) : path);
    const text = await readText(home, file);
    const read = text.ok ? parseMcpFile(text.value, file, environment) : text;
    if (!read.ok) {
      mistakes.push(...read.error);
      continue;
    }
    warnings.push(...read.value.warnings);
    secrets.push(...read.value.secrets);
    Object.assign(servers, read.value.servers);
    for (const name of Object.keys(read.value.servers)) from[name] = file;
  }
  return mistakes.length > 0 ? err(mistakes) : ok({ servers, from, warnings, secrets });
}

async function readText(home: string, file: string): Promise<Result<string, readonly ConfigError[]>> {
  const mistake = (value: string, fix: string): Result<string, readonly ConfigError[]> =>
    err([{ path: file, value, allowed: 'a file of yours like .mcp.json, which Cyrus can read (mcpConfigPath)', fix }]);
  try {
    const real = await realpath(file);
    const below = relative(await realpath(home).catch(() => home), real).split('/');
    if (below.length > 1 && ofAgents.includes(below[0] ?? ''))
      return mistake('a file that agents can write', 'keep it elsewhere, for example beside config.json');
    const handle = await open(real, 'r');
    try {
      const { size } = await handle.stat();
      if (size > largestFile) return mistake(`${size} bytes`, `a file of at most ${largestFile} bytes`);
      return ok(await handle.readFile('utf8'));
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return mistake('no file', 'make the file, or correct mcpConfigPath of the repository');
    return mistake(code ?? message, 'make it readable for the account that runs Cyrus, or correct mcpConfigPath of the repository');
  }
}
