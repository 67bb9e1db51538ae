import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** The real path of a program: `name` itself when absolute, else the first of that name on `searchPath`; undefined when there is none to execute. */
export async function findExecutable(name: string, searchPath: string): Promise<string | undefined> {
  if (isAbsolute(name)) return executable(name);
  for (const directory of searchPath.split(delimiter)) {
    const found = directory === '' ? undefined : await executable(join(directory, name));
    if (found) return found;
  }
  return undefined;
}

async function executable(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK);
    const real = await realpath(path);
    return (await stat(real)).isFile() ? real : undefined;
  } catch {
    return undefined;
  }
}
