import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The payload of an `upload` write; the file itself waits beside the database. */
export interface WaitingUpload {
  readonly issueId: string;
  readonly title: string;
  readonly filename: string;
  readonly contentType: string;
  /** The waiting file's name. */
  readonly file: string;
}

/** Files that wait to be uploaded, each for one write. */
export interface WaitingFiles {
  /** Keeps a file, durably, and gives its name: the same for the same content and write. */
  keep(content: Uint8Array, write: string): Promise<string>;
  read(name: string): Promise<Uint8Array | undefined>;
  remove(name: string): Promise<void>;
}

export function waitingFiles(directory: string): WaitingFiles {
  let drafts = 0;
  const path = (name: string): string => {
    if (!/^[0-9a-f]{64}$/.test(name)) throw new Error('not the name of a waiting file');
    return join(directory, name);
  };
  return {
    async keep(content, write) {
      const name = createHash('sha256').update(`${write}\n`).update(content).digest('hex');
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const draft = `${path(name)}.${process.pid}.${++drafts}.new`;
      const file = await open(draft, 'w', 0o600);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path(name));
      return name;
    },
    read: (name) => readFile(path(name)).catch(() => undefined),
    remove: (name) => rm(path(name), { force: true }),
  };
}
