import { spawn } from 'node:child_process';

const program = 'du';

/** The space that directories take on the disk, in bytes; what is not there takes none. Links are not followed. */
export async function diskUsage(paths: readonly string[]): Promise<number> {
  const sizes = await diskUsages(paths);
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** The same for each path. What one of them shares with another by hard links counts once. */
export function diskUsages(paths: readonly string[]): Promise<ReadonlyMap<string, number>> {
  if (paths.length === 0) return Promise.resolve(new Map());
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['-sk', '--', ...paths], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.once('error', reject);
    // Files that go away meanwhile make it say so and end with 1; what it counted stands.
    child.once('close', () => {
      const lines = text.split('\n').flatMap((line) => {
        const [, kilobytes, path] = /^(\d+)\t(.*)$/.exec(line) ?? [];
        return kilobytes === undefined || path === undefined ? [] : [[path, Number(kilobytes) * 1024] as const];
      });
      resolve(new Map(lines));
    });
  });
}
