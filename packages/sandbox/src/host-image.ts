import { createHash } from 'node:crypto';
import type { Clock } from 'cyrus-core/clock';
import { runtimeArguments } from './container-arguments.ts';
import { askEngine, type ContainerEngine } from './container-engine.ts';
import type { SystemPaths } from './system-view.ts';

/**
 * The image for a host's own system: nothing but the links of its root directory (/bin to /usr/bin), so that nothing has to be fetched and
 * what an agent finds is what the host has. Made once. @throws Error with what the engine said
 */
export async function ensureHostImage(clock: Clock, engine: ContainerEngine, { links }: Pick<SystemPaths, 'links'>): Promise<string> {
  const content = linksTar(links);
  const name = `localhost/cyrus-host:${createHash('sha256').update(content).digest('hex').slice(0, 12)}`;
  const there = await askEngine(clock, engine.path, ['image', 'inspect', '--format', '{{.Id}}', name]);
  if (there.code === 0) return name;
  const made = await askEngine(clock, engine.path, [...runtimeArguments(engine).before, 'import', '-', name], { input: content });
  if (made.code !== 0) throw new Error(`${engine.name} cannot make the image ${name}: ${made.stderr.trim().split('\n')[0]}`);
  return name;
}

/** A tar of symbolic links, the same bytes for the same links. */
export function linksTar(links: SystemPaths['links']): Buffer {
  const blocks = links.map(({ path, target }) => linkHeader(path.replace(/^\//, ''), target));
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function linkHeader(name: string, target: string): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;
  block.write(name, 0, 100);
  block.write(octal(0o777, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(0, 12), 124);
  block.write(octal(0, 12), 136);
  block.write('        ', 148);
  block.write('2', 156);
  block.write(target, 157, 100);
  block.write('ustar\0', 257);
  block.write('00', 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
