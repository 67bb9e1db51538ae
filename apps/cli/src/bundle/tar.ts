/** One file of an archive. */
export interface Entry {
  /** At most 100 bytes. */
  readonly name: string;
  readonly content: string;
}

const block = 512;

/** The files as a tar archive (ustar), which every `tar` unpacks. */
export function tarOf(entries: readonly Entry[], mtimeMs: number): Buffer {
  const parts = entries.flatMap(({ name, content }) => {
    const bytes = Buffer.from(content, 'utf8');
    const padding = Buffer.alloc((block - (bytes.length % block)) % block);
    return [header(name, bytes.length, mtimeMs), bytes, padding];
  });
  return Buffer.concat([...parts, Buffer.alloc(block * 2)]);
}

function header(name: string, size: number, mtimeMs: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Error(`${name} is too long a name for an archive`);
  const bytes = Buffer.alloc(block);
  const octal = (value: number, length: number, at: number): number =>
    bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'ascii');
  bytes.write(name, 0, 'utf8');
  octal(0o600, 8, 100);
  octal(0, 8, 108);
  octal(0, 8, 116);
  octal(size, 12, 124);
  octal(Math.floor(mtimeMs / 1000), 12, 136);
  bytes.write('        ', 148, 'ascii');
  bytes.write('0', 156, 'ascii');
  bytes.write('ustar\x0000', 257, 'latin1');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return bytes;
}
