import { createRequire } from 'node:module';
import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import { findExecutable } from 'cyrus-executor-interface/find-executable';

export interface BinarySearch {
  /** Used and nothing else, when given. */
  readonly binaryPath?: string | undefined;
  readonly searchPath: string;
  /** Where the SDK's own binary may be; tests point it elsewhere. */
  readonly packaged?: () => string | undefined;
}

/** The agent's binary: the configured one, else the SDK's own for this platform, else `claude` on the PATH. Resolves links. */
export async function findAgentBinary(search: BinarySearch): Promise<Result<string, Failure>> {
  if (search.binaryPath !== undefined) {
    const found = await findExecutable(search.binaryPath, search.searchPath);
    return found ? ok(found) : err(missing(`The Claude Code binary ${search.binaryPath} is not there or cannot be executed.`));
  }
  const packaged = (search.packaged ?? packagedBinary)();
  const found =
    (packaged === undefined ? undefined : await findExecutable(packaged, '')) ?? (await findExecutable('claude', search.searchPath));
  return found
    ? ok(found)
    : err(missing(`No Claude Code binary was found: neither the SDK's for ${process.platform}-${process.arch} nor "claude" on the PATH.`));
}

const missing = (message: string): Failure => ({
  class: 'missing_binary',
  message,
  fix: 'Install it (npm install -g @anthropic-ai/claude-code) or set claude.binaryPath to where it is.',
});

function packagedBinary(): string | undefined {
  const require = createRequire(import.meta.url);
  const platform = `${process.platform}-${process.arch}`;
  for (const name of [`@anthropic-ai/claude-agent-sdk-${platform}`, `@anthropic-ai/claude-agent-sdk-${platform}-musl`]) {
    try {
      return require.resolve(`${name}/${process.platform === 'win32' ? 'claude.exe' : 'claude'}`);
    } catch {
      // Not installed for this platform: an optional dependency.
    }
  }
  return undefined;
}
