const signatures: readonly { readonly mediaType: string; readonly at?: number; readonly bytes: readonly number[] }[] = [
  { mediaType: 'image/png', bytes: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
  { mediaType: 'image/jpeg', bytes: [0xff, 0xd8, 0xff] },
  { mediaType: 'image/gif', bytes: [0x47, 0x49, 0x46, 0x38] },
  { mediaType: 'image/webp', at: 8, bytes: [0x57, 0x45, 0x42, 0x50] },
  { mediaType: 'application/pdf', bytes: [0x25, 0x50, 0x44, 0x46, 0x2d] },
  { mediaType: 'application/zip', bytes: [0x50, 0x4b, 0x03, 0x04] },
  { mediaType: 'application/gzip', bytes: [0x1f, 0x8b] },
  { mediaType: 'video/mp4', at: 4, bytes: [0x66, 0x74, 0x79, 0x70] },
  { mediaType: 'video/webm', bytes: [0x1a, 0x45, 0xdf, 0xa3] },
];

/** What a file is by its content; what it calls itself may be wrong. */
export function mediaTypeOf(content: Uint8Array): string {
  const known = signatures.find(({ bytes, at = 0 }) => bytes.every((byte, n) => content[at + n] === byte));
  if (known) return known.mediaType;
  const head = content.subarray(0, 8192);
  if (head.includes(0)) return 'application/octet-stream';
  try {
    // A character may be cut at the end of the head.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: head.length < content.length });
    if (/^\s*(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*)?<svg[\s>]/i.test(text)) return 'image/svg+xml';
    return /^\s*<(!doctype html|html)[\s>]/i.test(text) ? 'text/html' : 'text/plain';
  } catch {
    return 'application/octet-stream';
  }
}
