import { chmod, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { componentOf } from 'cyrus-checkouts/names';
import type { Clock } from 'cyrus-core/clock';
import type { AttachedFiles } from 'cyrus-core/domain/plan';
import type { LinearClient } from 'cyrus-linear/client';
import { type UploadLink, uploadLinks } from 'cyrus-linear/uploads';
import type { Log } from 'cyrus-store/log';
import type { Queryable } from 'cyrus-store/pool';
import { planTexts } from 'cyrus-store/queries/plan-texts';
import { fileKey, fileName } from './file-name.ts';
import { mediaTypeOf } from './media-type.ts';

export interface AttachmentLimits {
  readonly files: number;
  readonly bytesPerFile: number;
  readonly bytesInAll: number;
  readonly fileTimeoutMs: number;
  readonly timeoutMs: number;
}

const defaultLimits: AttachmentLimits = {
  files: 20,
  bytesPerFile: 20_000_000,
  bytesInAll: 60_000_000,
  fileTimeoutMs: 30_000,
  timeoutMs: 60_000,
};

/** Files in memory are few. */
const atOnce = 3;
const triesPerFile = 2;

export interface AttachmentsOptions {
  readonly db: Queryable;
  /** Where each task has a directory of its own. */
  readonly directory: string;
  readonly linear: (workspace: string) => Promise<LinearClient | undefined>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<AttachmentLimits>;
}

/** The uploads that issues and messages refer to, brought within reach of agents, which cannot read them at Linear. */
export interface Attachments {
  /** The task's directory, made if it is not there; it is to be readable for the agent, which gets later files there as well. */
  directoryOf(taskId: string): Promise<string>;
  /** Fetches what the texts of a plan refer to and is not there yet; undefined: they refer to nothing. Never rejects. */
  forPlan(planId: string, taskId: string, signal: AbortSignal): Promise<AttachedFiles | undefined>;
  /** The same for one text for a plan's agent. `except`: what is not even tried. */
  forMessage(
    planId: string,
    taskId: string,
    body: string,
    signal: AbortSignal,
    except?: (link: UploadLink) => boolean,
  ): Promise<AttachedFiles | undefined>;
  remove(taskId: string): Promise<void>;
}

type File = AttachedFiles['files'][number];
type Missing = AttachedFiles['missing'][number];

export function createAttachments(options: AttachmentsOptions): Attachments {
  const { db, clock, log } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const placeOf = (taskId: string): string => join(options.directory, componentOf(taskId));

  async function directoryOf(taskId: string): Promise<string> {
    const directory = placeOf(taskId);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return directory;
  }

  async function find(
    planId: string,
    choose: (texts: Texts) => readonly string[],
    except: (link: UploadLink) => boolean = () => false,
  ): Promise<Found | undefined> {
    const texts = await planTexts(db, planId);
    if (!texts || texts.source === 'cli') return undefined;
    const client = await options.linear(texts.workspace);
    if (!client) return undefined;
    const links = uploadLinks(choose(texts), client.uploadOrigin).filter((link) => !except(link));
    return links.length === 0 ? undefined : { client, links };
  }

  async function bring(found: Promise<Found | undefined>, taskId: string, signal: AbortSignal): Promise<AttachedFiles | undefined> {
    let links: readonly UploadLink[] = [];
    try {
      const wanted = await found;
      if (!wanted) return undefined;
      links = wanted.links;
      return await fetchAll(wanted, await directoryOf(taskId), signal);
    } catch (error) {
      log.error({ taskId, error: String(error) }, 'the uploads of an issue could not be fetched');
      const missing = links.map(({ url, name }) => ({ url, name, why: 'it could not be stored here' }));
      return missing.length === 0 ? undefined : { files: [], missing };
    }
  }

  async function fetchAll({ client, links }: Found, directory: string, stopped: AbortSignal): Promise<AttachedFiles> {
    const present = await presentIn(directory);
    const over = new AbortController();
    const late = new AbortController();
    void clock.sleep(limits.timeoutMs, over.signal).then(() => late.abort());
    const signal = AbortSignal.any([stopped, late.signal]);
    const results: (File | Missing)[] = [];
    const tooMuch = `all files together are larger than ${megabytes(limits.bytesInAll)}`;
    let bytes = [...present.values()].reduce((sum, file) => sum + file.bytes, 0);

    const fetchOne = async ({ url, name }: UploadLink): Promise<File | Missing> => {
      const known = present.get(fileKey(url));
      if (known) return { ...known, url, name };
      if (late.signal.aborted) return { url, name, why: 'the files before it took too long' };
      const room = limits.bytesInAll - bytes;
      if (room <= 0) return { url, name, why: tooMuch };
      // What is reserved beforehand cannot be used twice by those that are under way together.
      const reserved = Math.min(limits.bytesPerFile, room);
      bytes += reserved;
      const answer = await insistently(client, url, { maxBytes: reserved, timeoutMs: limits.fileTimeoutMs }, signal);
      bytes -= reserved;
      if (!answer.ok) {
        if (late.signal.aborted) return { url, name, why: 'all files together took too long' };
        const cutShort = reserved < limits.bytesPerFile && answer.error.why.startsWith('it is larger');
        return { url, name, why: cutShort ? tooMuch : answer.error.why };
      }
      bytes += answer.value.byteLength;
      return { url, name, ...(await keep(directory, url, name, answer.value)) };
    };

    const queue = [...links.slice(0, limits.files).entries()];
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next; next = queue.shift()) results[next[0]] = await fetchOne(next[1]);
    };
    try {
      await Promise.all(Array.from({ length: atOnce }, work));
    } finally {
      over.abort();
    }
    for (const { url, name } of links.slice(limits.files))
      results.push({ url, name, why: `only ${limits.files} files of an issue are fetched` });
    return {
      files: results.filter((result) => 'path' in result),
      missing: results.filter((result) => 'why' in result),
    };
  }

  async function insistently(
    client: LinearClient,
    url: string,
    each: { readonly maxBytes: number; readonly timeoutMs: number },
    signal: AbortSignal,
  ): ReturnType<LinearClient['download']> {
    for (let tries = 1; ; tries++) {
      const answer = await client.download(url, each, signal);
      if (answer.ok || answer.error.try !== 'again' || tries >= triesPerFile || signal.aborted) return answer;
      await clock.sleep(500, signal);
    }
  }

  return {
    directoryOf,
    forPlan: (planId, taskId, signal) =>
      bring(
        // What was said last matters most when there is too much.
        find(planId, ({ messages, description, attachments, comments }) => [
          ...messages,
          description,
          ...attachments.map(({ title, url }) => `[${title.replace(/[[\]\\]/g, ' ')}](${url})`),
          ...comments,
        ]),
        taskId,
        signal,
      ),
    forMessage: (planId, taskId, body, signal, except) =>
      bring(body.includes('://') ? find(planId, () => [body], except) : none, taskId, signal),
    async remove(taskId) {
      await rm(placeOf(taskId), { recursive: true, force: true });
    },
  };
}

type Texts = NonNullable<Awaited<ReturnType<typeof planTexts>>>;
const none: Promise<undefined> = Promise.resolve(undefined);

interface Found {
  readonly client: LinearClient;
  readonly links: readonly UploadLink[];
}

type Kept = Pick<File, 'path' | 'mediaType' | 'bytes'>;

/** Whole or not at all; not executable. */
async function keep(directory: string, url: string, name: string, content: Uint8Array): Promise<Kept> {
  const mediaType = mediaTypeOf(content);
  const path = join(directory, fileName(url, name, mediaType));
  await writeFile(`${path}.part`, content, { mode: 0o600 });
  await chmod(`${path}.part`, 0o644);
  await rename(`${path}.part`, path);
  return { path, mediaType, bytes: content.byteLength };
}

/** What was fetched before, by the keys of their addresses. */
async function presentIn(directory: string): Promise<ReadonlyMap<string, Kept>> {
  const names = (await readdir(directory)).filter((name) => /^[0-9a-f]{10}-/.test(name) && !name.endsWith('.part'));
  const files = await Promise.all(
    names.map(async (name): Promise<[string, Kept]> => {
      const path = join(directory, name);
      const { size } = await stat(path);
      const file = await open(path);
      try {
        const head = Buffer.alloc(Math.min(size, 16_384));
        await file.read(head, 0, head.length, 0);
        return [name.slice(0, 10), { path, mediaType: mediaTypeOf(head), bytes: size }];
      } finally {
        await file.close();
      }
    }),
  );
  return new Map(files);
}

const megabytes = (bytes: number): string => `${Math.floor(bytes / 1_000_000)} MB`;
