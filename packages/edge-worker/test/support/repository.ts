import { execFile } from 'node:child_process';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** A repository as a person has it, and git in it. */
export interface TestRepository {
  readonly path: string;
  git(...args: string[]): Promise<string>;
  /** Writes files (null: deletes; `.sh` is executable) and commits them. Resolves with the commit. */
  commit(files: Readonly<Record<string, string | null>>, message?: string): Promise<string>;
}

export async function makeRepository(path: string, files: Readonly<Record<string, string>>): Promise<TestRepository> {
  await mkdir(path, { recursive: true });
  await exec('git', ['init', '--quiet', '--initial-branch=main', path]);
  const repository = repositoryAt(path);
  await repository.commit(files, 'First');
  return repository;
}

/** Git as an agent uses it in its checkout. */
export function repositoryAt(path: string): TestRepository {
  const git = async (...args: string[]): Promise<string> => {
    const identity = ['-c', 'user.name=Someone', '-c', 'user.email=someone@localhost', '-c', 'commit.gpgsign=false'];
    const { stdout } = await exec('git', [...identity, ...args], { cwd: path });
    return stdout.trim();
  };
  return {
    path,
    git,
    async commit(files, message = 'Change') {
      for (const [name, content] of Object.entries(files)) {
        const file = join(path, name);
        if (content === null) await rm(file, { force: true });
        else {
          await mkdir(dirname(file), { recursive: true });
          await writeFile(file, content);
          if (name.endsWith('.sh')) await chmod(file, 0o755);
        }
      }
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '-m', message);
      return git('rev-parse', 'HEAD');
    },
  };
}
