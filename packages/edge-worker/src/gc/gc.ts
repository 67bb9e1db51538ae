import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkout } from 'cyrus-checkouts/checkout';
import type { Checkouts } from 'cyrus-checkouts/checkouts';
import type { Mirror } from 'cyrus-checkouts/mirror';
import { removeTree } from 'cyrus-checkouts/remove-tree';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { FailureError } from 'cyrus-core/failure';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { bornAt, endsOf, forgetConversation, type LiveWork, liveWork, overConversations } from 'cyrus-store/queries/gc-facts';
import { repositoriesUsed } from 'cyrus-store/queries/repositories-used';
import { oldBinaries } from 'cyrus-store/server/old-binaries';
import type { DiskRoom } from '../jobs/disk-room.ts';
import type { Repositories } from '../jobs/repositories.ts';
import { decideSaved } from './decide-saved.ts';
import { diskUsages } from './disk-usage.ts';
import type { GcItem, GcReport } from './report.ts';

export interface GcOptions {
  readonly home: string;
  readonly checkouts: Checkouts;
  readonly repositories: Repositories;
  readonly config: () => Config;
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly room: DiskRoom;
  /** A mirror is copied anew once so much of it leads nowhere. */
  readonly wasteBytes?: number;
  /** Whether somebody waits for this machine. */
  readonly busy?: () => boolean;
}

const dayMs = 86_400_000;
/** A checkout that no task is known for may belong to one that is being made. */
const unknownMs = dayMs;
const defaultWasteBytes = 256 * 1024 ** 2;
const wasteShare = 0.3;

interface Collecting extends GcOptions {
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly now: number;
  readonly live: LiveWork;
  /** What is older than the database may be known to another one, whose disk is not there today: it stays. */
  readonly bornAt: number;
  readonly items: GcItem[];
  readonly kept: { what: string; why: string }[];
}

/**
 * Gives back the space of what is over: checkouts, waiting checkouts, saved work, generations of mirrors, mirrors and large files that
 * nobody uses, conversations, attachments,
 * database binaries. Work that is nowhere else stays for as long as the configuration says. Safe while everything else runs, and again after
 * a crash anywhere in it. One at a time.
 */
export async function collectGarbage(
  options: GcOptions,
  run: { readonly dryRun: boolean; readonly signal: AbortSignal },
): Promise<GcReport> {
  const { db } = options;
  const all: Collecting = {
    ...options,
    ...run,
    now: await db.now(),
    live: await liveWork(db),
    bornAt: await bornAt(db),
    items: [],
    kept: [],
  };
  await deadCheckouts(all);
  await idleWaiting(all);
  for (const { id } of options.config().repositories) {
    if (run.signal.aborted) break;
    await attempt(all, id, async () => {
      const mirror = await options.repositories.open(id);
      await savedWork(all, mirror);
      await generations(all, mirror);
      await largeFiles(all, mirror);
    });
  }
  await strayMirrors(all);
  await conversations(all);
  await attachedFiles(all);
  if (options.config().database === undefined) await attempt(all, 'database binaries', () => binaries(all));
  if (!run.dryRun) options.room.forget();
  const { items, kept } = all;
  return { dryRun: run.dryRun, items, kept, freedBytes: items.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** What cannot be given back stays, and the rest goes on. */
async function attempt(all: Collecting, what: string, work: () => Promise<void>): Promise<void> {
  if (all.signal.aborted) return;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FailureError)) all.log.warn({ what, error: String(error) }, 'gc could not look after this');
    all.kept.push({ what, why: error instanceof Error ? error.message : String(error) });
  }
}

async function deadCheckouts(all: Collecting): Promise<void> {
  const { checkouts, live } = all;
  const list = await checkouts.list();
  const owners = new Map(list.map((checkout) => [checkout, ownersOf(checkout)] as const));
  const ends = await endsOf(all.db, [...owners.values()].flat());
  const dead = list.filter((checkout) => {
    const ids = owners.get(checkout) ?? [];
    if (ids.some((id) => live.ids.has(id))) return false;
    return ids.some((id) => ends.has(id)) || isForgotten(all, checkout.directory, checkout.createdAt);
  });
  const sizes = await diskUsages(dead.map(({ directory }) => directory));
  for (const checkout of dead) {
    await attempt(all, checkout.directory, async () => {
      if (!all.dryRun) {
        // What is in it is saved first. Without its repository nothing can be saved, so it stays then.
        const mirror = await all.repositories.open(checkout.repositoryId);
        await checkouts.remove({ mirror, checkout });
      }
      const bytes = sizes.get(checkout.directory) ?? 0;
      const why = checkout.purpose === 'verify' ? 'its checks are over' : 'its task is over; its work is saved in the mirror';
      all.items.push({ kind: 'checkout', what: checkout.directory, repositoryId: checkout.repositoryId, bytes, why });
    });
  }
}

/** Nothing knows of it, though it was made under this database, and long enough ago. */
function isForgotten(all: Collecting, what: string, madeAt: number): boolean {
  if (all.now - madeAt <= unknownMs) return false;
  if (madeAt >= all.bornAt) return true;
  all.kept.push({ what, why: 'it is older than this database, so another one may know it; delete it yourself if none does' });
  return false;
}

/** The task, the attempt or the job it was made for. */
function ownersOf({ name }: Checkout): readonly string[] {
  // `<task>-<attempt>` beside a checkout that could not be removed; both are ids that may hold a hyphen.
  const hyphens = [...name.matchAll(/-/g)].map(({ index }) => index);
  return [name, ...hyphens.flatMap((at) => [name.slice(0, at), name.slice(at + 1)])];
}

/** Those of repositories that nothing has been done in for days. */
async function idleWaiting(all: Collecting): Promise<void> {
  const { pool, poolIdleDays } = all.config().checkouts;
  const used = new Set(pool === 0 ? [] : await repositoriesUsed(all.db, poolIdleDays));
  const idle = (await all.checkouts.pool.list()).filter(({ repositoryId }) => !used.has(repositoryId));
  const sizes = await diskUsages(idle.map(({ directory }) => directory));
  for (const waiting of idle) {
    await attempt(all, waiting.directory, async () => {
      if (!all.dryRun) await all.checkouts.pool.drop(waiting);
      const { repositoryId, directory } = waiting;
      const why = 'nobody waits for it';
      all.items.push({ kind: 'waiting-checkout', what: directory, repositoryId, bytes: sizes.get(directory) ?? 0, why });
    });
  }
}

async function savedWork(all: Collecting, mirror: Mirror): Promise<void> {
  const saved = await all.checkouts.saved(mirror);
  const ends = await endsOf(all.db, [...new Set(saved.map(({ name }) => name.replace(/-removed$/, '')))]);
  const { keepWipDays, keepUnpushedDays } = all.config().checkouts;
  const facts = { now: all.now, liveIds: all.live.ids, liveShas: new Set(all.live.shas), ends, keepWipDays, keepUnpushedDays };
  for (const each of saved) {
    const why = decideSaved(each, facts);
    if (why === undefined) continue;
    if (!all.dryRun) await all.checkouts.dropSaved(mirror, [each]);
    all.items.push({ kind: 'saved-work', what: each.ref, repositoryId: mirror.id, bytes: 0, why });
  }
}

async function generations(all: Collecting, mirror: Mirror): Promise<void> {
  const unused = await all.checkouts.oldGenerations(mirror, { dryRun: true });
  const sizes = await diskUsages(unused);
  for (const what of all.dryRun ? unused : await all.checkouts.oldGenerations(mirror, { dryRun: false })) {
    const why = 'no checkout borrows from it any more';
    all.items.push({ kind: 'mirror', what, repositoryId: mirror.id, bytes: sizes.get(what) ?? 0, why });
  }

  const { bytes, wasteBytes } = await all.checkouts.weight(mirror);
  if (wasteBytes < Math.max(all.wasteBytes ?? defaultWasteBytes, bytes * wasteShare)) return;
  // It takes long, and whoever works in the mirror waits for it.
  if (!all.dryRun && all.busy?.()) {
    all.kept.push({ what: mirror.directory, why: 'work is under way; it is made smaller when it is quiet' });
    return;
  }
  // For a while there are two.
  if ((await all.room.shortage(bytes - wasteBytes)) !== undefined) {
    all.kept.push({ what: mirror.directory, why: 'there is no room for the smaller copy that would take its place' });
    return;
  }
  const what = mirror.directory;
  if (!all.dryRun) {
    await all.checkouts.renew(mirror, all.live.shas, all.signal);
    const gone = await all.checkouts.oldGenerations(mirror, { dryRun: false });
    if (!gone.includes(what)) {
      all.kept.push({ what, why: 'checkouts borrow from it; it goes when they are gone' });
      return;
    }
  }
  all.items.push({ kind: 'mirror', what, repositoryId: mirror.id, bytes: wasteBytes, why: 'nothing leads to so much of it any more' });
}

/** What is fetched again when a commit wants it. */
async function largeFiles(all: Collecting, mirror: Mirror): Promise<void> {
  const { keepUnusedDays } = all.config().checkouts;
  const before = all.now - keepUnusedDays * dayMs;
  const { directory, files, bytes } = await all.checkouts.oldLargeFiles(mirror, { before, dryRun: all.dryRun });
  if (files.length === 0) return;
  const count = files.length === 1 ? '1 file' : `${files.length} files`;
  const why = `${count} of earlier commits, fetched more than ${keepUnusedDays} days ago`;
  all.items.push({ kind: 'large-files', what: directory, repositoryId: mirror.id, bytes, why });
}

/** Of repositories that are configured no more, and of submodules. What holds work that is nowhere else stays, and is named. */
async function strayMirrors(all: Collecting): Promise<void> {
  const { keepUnusedDays } = all.config().checkouts;
  const before = all.now - keepUnusedDays * dayMs;
  const configured = all.config().repositories.map(({ id }) => id);
  // Without any, something is amiss with the configuration rather than with all of them.
  if (configured.length === 0) return;
  // Also those whose plans are under way, or began lately.
  const used = await repositoriesUsed(all.db, keepUnusedDays);
  const strays = all.signal.aborted ? [] : await all.checkouts.strays([...configured, ...used]);
  for (const stray of strays.filter(({ lastUsedAt }) => lastUsedAt < before)) {
    await attempt(all, stray.first, async () => {
      const keep = (why: string) =>
        all.kept.push({ what: stray.first, why: `no repository of the configuration is kept in it, but ${why}` });
      if (stray.holds !== null) {
        keep(`${stray.holds}: configure the repository again to have it, or delete the mirror yourself`);
        return;
      }
      const sizes = await diskUsages(stray.directories);
      if (!all.dryRun && !(await all.checkouts.dropStray(stray))) return;
      const why = `no repository of the configuration is kept in it, and nobody used it for ${keepUnusedDays} days`;
      for (const what of stray.directories)
        all.items.push({ kind: what.endsWith('.lfs') ? 'large-files' : 'mirror', what, bytes: sizes.get(what) ?? 0, why });
    });
  }
}

async function conversations(all: Collecting): Promise<void> {
  const place = join(all.home, 'conversations');
  const before = all.now - all.config().checkouts.keepConversationDays * dayMs;
  const names = await readdir(place).catch(() => []);
  const settled: string[] = [];
  for (const name of names) {
    if (name.startsWith('.trash-')) await removeTree(join(place, name));
    else if (((await stat(join(place, name)).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY) < before) settled.push(name);
  }
  const over = all.bornAt > before ? [] : await overConversations(all.db, settled, before);
  const sizes = await diskUsages(over.map((name) => join(place, name)));
  for (const name of over) {
    const what = join(place, name);
    await attempt(all, what, async () => {
      if (!all.dryRun) {
        if (!(await forgetConversation(all.db, name))) return;
        await rename(what, join(place, `.trash-${name}`));
        await removeTree(join(place, `.trash-${name}`));
      }
      const why = 'nothing has been under way on its issue for long';
      all.items.push({ kind: 'conversation', what, bytes: sizes.get(what) ?? 0, why });
    });
  }
}

/** Uploads that were brought for a task; its cleanup deletes them, unless it never came to that. */
async function attachedFiles(all: Collecting): Promise<void> {
  const place = join(all.home, 'attachments');
  const names = (await readdir(place).catch(() => [])).filter((name) => !all.live.ids.has(name));
  const ends = await endsOf(all.db, names);
  const madeAt = async (name: string): Promise<number> => (await stat(join(place, name)).catch(() => undefined))?.mtimeMs ?? all.now;
  const dead: string[] = [];
  for (const name of names) if (ends.has(name) || isForgotten(all, join(place, name), await madeAt(name))) dead.push(join(place, name));
  const sizes = await diskUsages(dead);
  for (const what of dead) {
    await attempt(all, what, async () => {
      if (!all.dryRun) await removeTree(what);
      all.items.push({ kind: 'attachments', what, bytes: sizes.get(what) ?? 0, why: 'its task is over' });
    });
  }
}

async function binaries(all: Collecting): Promise<void> {
  const old = await oldBinaries(all.home, all.clock.now());
  const sizes = await diskUsages(old);
  for (const what of old) {
    if (!all.dryRun) await removeTree(what);
    all.items.push({ kind: 'database-binaries', what, bytes: sizes.get(what) ?? 0, why: 'another version is in use' });
  }
}
