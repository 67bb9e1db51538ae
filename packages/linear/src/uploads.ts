/** A file that people uploaded, as a text refers to it. */
export interface UploadLink {
  readonly url: string;
  /** As people named it: the text of the link, else the end of the address. */
  readonly name: string;
}

/**
 * Where Linear keeps what people upload: `https://uploads.linear.app` for Linear itself, the API's own origin for anything else
 * that speaks its protocol. The token goes nowhere else.
 */
export function uploadOrigin(apiUrl: string): string {
  const { hostname, origin } = new URL(apiUrl);
  return hostname === 'linear.app' || hostname.endsWith('.linear.app') ? 'https://uploads.linear.app' : origin;
}

/** The uploads that texts refer to, each once, in the order of the texts; what is not at `origin` is none. */
export function uploadLinks(texts: readonly string[], origin: string): readonly UploadLink[] {
  const found = new Map<string, UploadLink>();
  for (const text of texts) {
    for (let at = text.indexOf(origin); at >= 0; at = text.indexOf(origin, at + origin.length)) {
      const url = uploadAt(addressFrom(text, at), origin);
      if (!url) continue;
      // A signature or another size of the same file is the same file.
      const key = `${url.origin}${url.pathname}`;
      const known = found.get(key);
      const plainer = known && (url.search !== '' || !known.url.includes('?')) ? known.url : url.href;
      found.set(key, { url: plainer, name: known?.name || nameBefore(text, at) });
    }
  }
  return [...found.values()].map(({ url, name }) => ({ url, name: name || endOf(url) }));
}

const longestAddress = 2000;
const longestName = 300;

/** Up to what cannot be part of it; brackets only in pairs, and no full stop at its end. */
function addressFrom(text: string, at: number): string {
  const raw = /^[^\s<>[\]"'`\\]*/.exec(text.slice(at, at + longestAddress))?.[0] ?? '';
  let open = 0;
  for (let n = 0; n < raw.length; n++) {
    if (raw[n] === '(') open++;
    else if (raw[n] === ')' && --open < 0) return raw.slice(0, n);
  }
  return raw.replace(/[.,;:!?]+$/, '');
}

/** The text of a Markdown link whose address begins at `at`; empty where it is none. */
function nameBefore(text: string, at: number): string {
  const before = text.slice(Math.max(0, at - longestName), at).replace(/<?$/, '');
  if (!/\]\(\s{0,9}$/.test(before)) return '';
  const end = before.lastIndexOf('](');
  for (let start = end - 1; start >= 0; start--)
    if (before[start] === '[' && before[start - 1] !== '\\') return plain(before.slice(start + 1, end));
  return '';
}

/** The address when it is one of an upload; a name or a password in it, or another port, makes it somebody else's. */
export function uploadAt(address: string, origin: string): URL | undefined {
  const url = URL.parse(address);
  if (!url || url.origin !== origin || url.username !== '' || url.password !== '') return undefined;
  return url.pathname.split('/').filter(Boolean).length >= 2 ? url : undefined;
}

const plain = (name: string): string => name.replace(/\\(.)/g, '$1').replace(/\s+/g, ' ').trim();

function endOf(url: string): string {
  const last = new URL(url).pathname.split('/').filter(Boolean).at(-1) ?? 'file';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
