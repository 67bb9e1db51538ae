import { createHash } from 'node:crypto';

/** The ending that a reader goes by; text and unknown content keep the one they came with. */
const endings: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
  'image/webp': 'webp',
  'image/svg+xml': 'svg',
  'application/pdf': 'pdf',
  'application/gzip': 'gz',
  'video/webm': 'webm',
  'text/html': 'html',
};

/** What the name of a file begins with: it tells the file of one address from all others, whatever they are called. */
export function fileKey(url: string): string {
  const { origin, pathname } = new URL(url);
  return createHash('sha256').update(`${origin}${pathname}`).digest('hex').slice(0, 10);
}

/** A name of plain characters in one directory, from an address and what people called the file. */
export function fileName(url: string, name: string, mediaType: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[-.]+|[-.]+$/g, '');
  const own = /\.([A-Za-z0-9]{1,8})$/.exec(plain)?.[1]?.toLowerCase();
  const stem = (own ? plain.slice(0, -own.length - 1) : plain).slice(0, 60) || 'file';
  const ending = endings[mediaType] ?? own ?? (mediaType === 'text/plain' ? 'txt' : 'bin');
  return `${fileKey(url)}-${stem}.${ending}`;
}
