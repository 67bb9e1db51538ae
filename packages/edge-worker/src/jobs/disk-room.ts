import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Instant } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { diskUsage } from '../gc/disk-usage.ts';

const gb = 1024 ** 3;
const mb = 1024 ** 2;
const measuredForMs = 60_000;

/** Why nothing more may be put on the disk, for a person. */
export interface Shortage {
  readonly message: string;
  readonly fix: string;
}

export interface DiskRoom {
  /** What stands in the way of `bytes` more; undefined: nothing does. */
  shortage(bytes?: number): Promise<Shortage | undefined>;
  /** What was measured is not true any more. */
  forget(): void;
}

export interface DiskRoomOptions {
  readonly home: string;
  readonly config: () => Pick<Config, 'checkouts' | 'minFreeDiskMb'>;
  readonly clock: Clock;
  readonly freeBytes?: (directory: string) => Promise<number>;
}

/** Whether the disk, and what may be taken of it, has room. Space used is measured at most once a minute, and only where it is limited. */
export function createDiskRoom({ home, config, clock, freeBytes = freeOf }: DiskRoomOptions): DiskRoom {
  let measured: { readonly at: Instant; readonly bytes: Promise<number> } | undefined;
  const used = (): Promise<number> => {
    if (measured === undefined || clock.now() - measured.at > measuredForMs)
      measured = { at: clock.now(), bytes: diskUsage([join(home, 'repos'), join(home, 'checkouts')]) };
    return measured.bytes;
  };
  return {
    forget() {
      measured = undefined;
    },
    async shortage(bytes = 0) {
      const { checkouts, minFreeDiskMb } = config();
      const free = await freeBytes(home);
      if (free - bytes < minFreeDiskMb * mb) {
        const need = bytes < mb ? '' : ` ${size(bytes)} are needed here.`;
        return {
          message: `The disk has ${size(free)} free, and ${size(minFreeDiskMb * mb)} are to stay free (minFreeDiskMb).${need}`,
          fix: `Free some space on the disk of ${home}: \`cyrus gc --dry-run\` shows what Cyrus can give back.`,
        };
      }
      const limit = checkouts.maxDiskGb;
      if (limit === undefined || (await used()) + bytes <= limit * gb) return undefined;
      return {
        message: `Mirrors and checkouts take ${size(await used())}, and may take ${limit} GB (checkouts.maxDiskGb).`,
        fix: '`cyrus gc` gives back what is not needed any more; a higher checkouts.maxDiskGb makes room as well.',
      };
    },
  };
}

async function freeOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

function size(bytes: number): string {
  return bytes >= gb ? `${(bytes / gb).toFixed(1)} GB` : `${Math.round(bytes / mb)} MB`;
}
