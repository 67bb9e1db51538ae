const mask = '***';
const secretKey = /(?:token|secret|apikey|privatekey|password|authorization)$/i;
/** Everything below these may be a secret. */
const closedKey = /^(?:environmentVariables|env)$/;

/** A configuration's values without what is secret in them; where something was is still to be seen. */
export function maskConfig(value: unknown, key = '', closed = false): unknown {
  if (Array.isArray(value)) return value.map((item) => maskConfig(item, key, closed));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, maskConfig(inner, name, closed || closedKey.test(name))]),
    );
  if (closed || secretKey.test(key)) return value === null ? null : mask;
  return typeof value === 'string' ? value.replace(/:\/\/[^/\s@]+@/g, `://${mask}@`) : value;
}
