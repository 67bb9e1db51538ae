const secretKey = /(?:token|secret|apikey|password|authorization|privateKey|webhookUrl)$/i;
const secretLook = /^(?:lin_|ghp_|gho_|ghs_|ghu_|github_pat_|sk-|codegen_|crsr_|whsec|lin_wh_|key_|-----BEGIN)|:\/\/[^/\s]*:[^/\s]*@/;

export type Path = readonly (string | number)[];

/** `repositories[0].repositoryPath`; the empty path is `(the whole file)`. */
export function pathText(path: Path): string {
  if (path.length === 0) return '(the whole file)';
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      if (/^[A-Za-z_$][\w$-]*$/.test(part)) return index === 0 ? part : `.${part}`;
      return `[${JSON.stringify(part)}]`;
    })
    .join('');
}

/** What is shown of a value in a message: short, and never a secret. */
export function shown(path: Path, value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (isSecret(path, value)) return '*** (hidden)';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 76)}…" (${String(value).length} characters)` : text;
}

/** Whether a value of the configuration is one that is not to be shown. */
export function isSecret(path: Path, value: unknown): boolean {
  const keys = path.filter((part) => typeof part === 'string');
  if (keys.includes('environmentVariables')) return true;
  if (secretKey.test(keys.at(-1) ?? '')) return true;
  return typeof value === 'string' && secretLook.test(value);
}
