const suspicious = /\\u0000|\\ud[89a-f]/i;

/**
 * A parsed JSON value with what Postgres does not take (NUL, lone surrogates) replaced by U+FFFD, in keys and values.
 * `text`: the JSON it came from; where nothing in it can be bad the value is returned as it is.
 */
export function storable<T>(value: T, text: string): T {
  return suspicious.test(text) ? (clean(value) as T) : value;
}

/** Text that Postgres takes: NUL and lone surrogates become U+FFFD. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}

function clean(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [storableText(key), clean(item)]));
}
