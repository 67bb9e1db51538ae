/** Takes what must not be stored or shown out of a text. */
export type Redact = (text: string) => string;

const mask = '[redacted]';
/** Shorter values are words of ordinary text sooner than secrets. */
const shortestSecret = 8;

/** Shapes of tokens that are secrets wherever they appear. Each is anchored by its own prefix, so hashes and ids pass. */
const tokenShapes: readonly RegExp[] = [
  /\blin_(?:api|oauth|wh)_[A-Za-z0-9]{16,}/g,
  /\bgh[pousr]_[A-Za-z0-9_.-]{19,}[A-Za-z0-9_-]/g,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/g,
  /\bglpat-[A-Za-z0-9_-]{20,}/g,
  /\bsk-[A-Za-z0-9_-]{20,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/g,
  /\bnpm_[A-Za-z0-9]{30,}/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g,
  /\bAIza[A-Za-z0-9_-]{35}\b/g,
  /\bwhsec_[A-Za-z0-9+/=]{20,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
];
/** A secret without a shape of its own is known by the name that is given to it. */
const named = /\b((?:aws_)?(?:secret_access_key|secretaccesskey)["']?\s*[:=]\s*["']?)[A-Za-z0-9/+=]{30,}/gi;
const bearer = /\b(authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{8,}/gi;
const urlPassword = /\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s/@]{3,}@/gi;

/** Masks `secrets` alone (also as they look in a URL or in JSON), and so changes nothing of the form of what they stand in. */
export function createKnownSecretsMask(secrets: Iterable<string>): Redact {
  const values = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < shortestSecret) continue;
    for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) values.add(form);
  }
  // The longest first: a secret that contains another is masked whole.
  const ordered = [...values].sort((a, b) => b.length - a.length);
  return (text) => {
    let safe = text;
    for (const value of ordered) if (safe.includes(value)) safe = safe.replaceAll(value, mask);
    return safe;
  };
}

/** Masks `passing` (secrets that come and go, asked for at each text), `secrets` and everything shaped like a token. */
export function createRedact(secrets: Iterable<string>, passing: () => Iterable<string> = () => []): Redact {
  const known = createKnownSecretsMask(secrets);
  return (text) => {
    let safe = text;
    for (const value of passing()) if (value.length >= shortestSecret) safe = safe.replaceAll(value, mask);
    safe = known(safe);
    for (const shape of tokenShapes) safe = safe.replace(shape, mask);
    return safe.replace(named, `$1${mask}`).replace(bearer, `$1${mask}`).replace(urlPassword, `$1${mask}@`);
  };
}
