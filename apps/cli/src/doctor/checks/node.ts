import type { Check } from '../check.ts';
import { error, type Finding, ok } from '../finding.ts';

/** `v24.1.0` → whether Cyrus runs on it. The launcher says the same before anything else can. */
export function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 12)) return ok('Node.js', version);
  return error('Node.js', `${version} is too old`, {
    why: 'Cyrus needs what came with Node.js 22.12.',
    fix: 'Install Node.js 24 (https://nodejs.org, or: nvm install 24).',
  });
}

export const nodeCheck: Check = { name: 'Node.js', run: () => [judgeNode(process.version)] };
