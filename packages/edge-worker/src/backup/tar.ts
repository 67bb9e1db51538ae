/*
 * The part of the tar format that is needed, so that a backup can be looked into with everybody's tools: plain files, names of any
 * length (GNU's long names), sizes below 8 GB.
 */

const block = 512;

export interface TarHeader {
  readonly name: string;
  readonly size: number;
  readonly mode: number;
}

/** What precedes a file's content. */
export function tarHeader({ name, size, mode }: TarHeader): Buffer {
  const long = Buffer.byteLength(name) > 99 ? [longName(name)] : [];
  return Buffer.concat([...long, header(name, size, mode, '0')]);
}

/** What follows a file's content. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block);
}

/** The end of an archive. */
export const tarEnd: Buffer = Buffer.alloc(2 * block);

function longName(name: string): Buffer {
  const content = Buffer.from(`${name}\0`);
  return Buffer.concat([header('././@LongLink', content.length, 0o600, 'L'), content, tarPadding(content.length)]);
}

function header(name: string, size: number, mode: number, type: string): Buffer {
  const head = Buffer.alloc(block);
  Buffer.from(name).copy(head, 0, 0, 99);
  const octal = (value: number, at: number, length: number): void => {
    head.write(value.toString(8).padStart(length - 1, '0'), at, length - 1, 'latin1');
  };
  octal(mode & 0o7777, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  head.fill(' ', 148, 156);
  head.write(type, 156, 'latin1');
  head.write('ustar  ', 257, 'latin1');
  head.write(`${sumOf(head).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return head;
}

const sumOf = (head: Buffer): number => head.reduce((sum, byte) => sum + byte, 0);

export interface TarEntry extends TarHeader {
  readonly content: Buffer;
}

/** The bytes are no archive of ours, or not all of it. */
export class TarError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TarError';
  }
}

/** Reads an archive whose entries each fit into memory. @throws TarError */
export async function* readTar(source: AsyncIterable<Buffer>, maxEntryBytes: number): AsyncGenerator<TarEntry> {
  const take = reader(source);
  let name: string | undefined;
  for (;;) {
    const head = await take(block);
    if (head === undefined) throw new TarError('it ends too early');
    if (head.every((byte) => byte === 0)) {
      // To the end: what compressed it checks itself there.
      while ((await take(block)) !== undefined);
      return;
    }
    const size = numberAt(head, 124, 12);
    if (numberAt(head, 148, 8) !== sumOf(blank(head))) throw new TarError('it is damaged');
    if (size > maxEntryBytes) throw new TarError('it holds something that is too large');
    const content = await take(size);
    if (content === undefined || (await take(tarPadding(size).length)) === undefined) throw new TarError('it ends too early');
    if (head.toString('latin1', 156, 157) === 'L') name = textUpToNul(content);
    else {
      yield { name: name ?? textUpToNul(head.subarray(0, 100)), size, mode: numberAt(head, 100, 8), content };
      name = undefined;
    }
  }
}

function blank(head: Buffer): Buffer {
  const copy = Buffer.from(head);
  copy.fill(' ', 148, 156);
  return copy;
}

function numberAt(head: Buffer, at: number, length: number): number {
  const value = Number.parseInt(head.toString('latin1', at, at + length).replace(/[\0 ]/g, '') || '0', 8);
  if (Number.isNaN(value)) throw new TarError('it is damaged');
  return value;
}

function textUpToNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

/** Gives so many bytes a call; undefined when the source ends before. */
function reader(source: AsyncIterable<Buffer>): (count: number) => Promise<Buffer | undefined> {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Buffer[] = [];
  let there = 0;
  return async (count) => {
    while (there < count) {
      const next = await chunks.next();
      if (next.done) return undefined;
      rest.push(next.value);
      there += next.value.length;
    }
    const all = rest.length === 1 && rest[0] ? rest[0] : Buffer.concat(rest);
    rest = all.length > count ? [all.subarray(count)] : [];
    there = all.length - count;
    return all.subarray(0, count);
  };
}
