import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Instant } from 'cyrus-core/clock';
import { z } from 'zod';
import { withFileLock } from './file-lock.ts';

/** What is kept of one credential. */
export interface StoredTokens {
  readonly accessToken?: string;
  /** Absent: not known; Linear's refusal tells. */
  readonly expiresAt?: Instant;
  readonly refreshToken?: string;
  /** The one before: good for half an hour more, should the newest turn out to be worth nothing. */
  readonly previousRefreshToken?: string;
  readonly obtainedAt?: Instant;
  /** Since when an answer to the refresh token is awaited: after a crash the same one is shown again. */
  readonly askedAt?: Instant;
  /** Which credential of the configuration was there when this one came to be. */
  readonly configured?: string;
  /** Nothing is left to use, and why. */
  readonly gone?: 'logged_out' | 'revoked';
  readonly workspaceId?: string;
  readonly workspaceName?: string;
  readonly clientId?: string;
}

const text = z.string().min(1).exactOptional();
const shape: z.ZodType<StoredTokens> = z.object({
  accessToken: text,
  expiresAt: z.number().exactOptional(),
  refreshToken: text,
  previousRefreshToken: text,
  obtainedAt: z.number().exactOptional(),
  askedAt: z.number().exactOptional(),
  configured: text,
  gone: z.enum(['logged_out', 'revoked']).exactOptional(),
  workspaceId: text,
  workspaceName: text,
  clientId: text,
});

/** Tokens in a directory of the home, a file a credential, for its owner alone. */
export interface TokenStore {
  /** Undefined where there is none. @throws Error when the file cannot be read or is damaged */
  read(key: string): Promise<StoredTokens | undefined>;
  /** Durable once it resolves: the old content or the new is there, whatever ends in between. */
  write(key: string, tokens: StoredTokens): Promise<void>;
  /** What was being written when the writer was killed, if it is whole. */
  unfinished(key: string): Promise<StoredTokens | undefined>;
  remove(key: string): Promise<void>;
  keys(): Promise<readonly string[]>;
  /** Runs `work` while no other process changes this credential. */
  locked<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** Names a secret without telling it. */
export const fingerprint = (secret: string): string => createHash('sha256').update(secret).digest('hex').slice(0, 24);

const suffix = '.json';

export function createTokenStore(directory: string, clock: Clock): TokenStore {
  const fileOf = (key: string): string => join(directory, `${encodeURIComponent(key)}${suffix}`);

  async function ensure(): Promise<void> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
  }

  return {
    async read(key) {
      // Asked before every call; where there is no login an error is not worth making each time.
      if (!existsSync(fileOf(key))) return undefined;
      const content = await readFile(fileOf(key), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (content === undefined) return undefined;
      try {
        return shape.parse(JSON.parse(content));
      } catch {
        throw new Error(`${fileOf(key)} is damaged: remove it and log in again with cyrus linear login`);
      }
    },
    async write(key, tokens) {
      await ensure();
      const file = fileOf(key);
      const fresh = `${file}.new`;
      const handle = await open(fresh, 'w', 0o600);
      try {
        await handle.chmod(0o600);
        await handle.writeFile(`${JSON.stringify(tokens, null, 2)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(fresh, file);
      await syncDirectory(directory);
    },
    async unfinished(key) {
      const content = await readFile(`${fileOf(key)}.new`, 'utf8').catch(() => '');
      try {
        return shape.parse(JSON.parse(content));
      } catch {
        return undefined;
      }
    },
    async remove(key) {
      await rm(fileOf(key), { force: true });
      await rm(`${fileOf(key)}.new`, { force: true });
      await syncDirectory(directory).catch(() => undefined);
    },
    async keys() {
      const names = await readdir(directory).catch(() => []);
      return names.filter((name) => name.endsWith(suffix)).map((name) => decodeURIComponent(name.slice(0, -suffix.length)));
    },
    async locked(key, work) {
      await ensure();
      return withFileLock(join(directory, `${encodeURIComponent(key)}.lock`), clock, work);
    },
  };
}

/** The name of a file is durable only with its directory. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
