import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The two files git needs beside the mirrors. */
export interface HostFiles {
  readonly askpass: string;
  readonly config: string;
}

/**
 * Answers git's questions for a name and a password from the environment, and only for the one origin they belong to:
 * a redirect to another host gets nothing. The token is never in argv, in a URL or in a file. In a directory CYRUS_ASK_LIMIT it is
 * given three times at most: git-lfs asks again for as long as a refused one is given.
 */
const askpass = `#!/bin/sh
scheme=\${CYRUS_ASK_ORIGIN%%://*}
host=\${CYRUS_ASK_ORIGIN#*://}
case "$1" in
  "Username for '$scheme://$host': ") printf '%s\\n' "$CYRUS_ASK_USERNAME" ;;
  "Password for '$scheme://$CYRUS_ASK_USERNAME@$host': ")
    if [ -n "$CYRUS_ASK_LIMIT" ]; then
      mkdir "$CYRUS_ASK_LIMIT/1" 2>/dev/null || mkdir "$CYRUS_ASK_LIMIT/2" 2>/dev/null || mkdir "$CYRUS_ASK_LIMIT/3" 2>/dev/null || exit 1
    fi
    printf '%s\\n' "$CYRUS_ASK_PASSWORD" ;;
  *) exit 1 ;;
esac
`;

/**
 * Stands in for the user's configuration. That repositories of another owner may be read has to be said here: git takes it from
 * no other place for the process that serves a local path, and a service run by root reads the checkouts of users.
 */
const config = '[safe]\n\tdirectory = *\n';

/** Writes them into a private directory. */
export async function writeHostFiles(directory: string): Promise<HostFiles> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = { askpass: join(directory, 'askpass'), config: join(directory, 'gitconfig') };
  await replace(files.askpass, askpass, 0o700);
  await replace(files.config, config, 0o600);
  return files;
}

async function replace(file: string, text: string, mode: number): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, text, { mode });
  await rename(draft, file);
}
