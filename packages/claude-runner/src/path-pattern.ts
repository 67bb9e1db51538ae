import { posix } from 'node:path';

/**
 * A test for absolute paths against one pattern of a tool rule, in the way of .gitignore: `src/**` is relative to `root`, a pattern
 * without a slash holds at any depth below `root`, `//etc/**` is absolute, `~/x` is below `home`, and what matches a directory matches all below it.
 */
export function pathPattern(pattern: string, root: string, home: string): (path: string) => boolean {
  const { base, glob } = anchored(pattern, root, home);
  const prefix = glob.includes('/') || glob === '**' ? '' : '(?:.*/)?';
  const regex = new RegExp(`^${prefix}${globSource(glob)}(?:/.*)?$`, 's');
  return (path) => {
    if (path === base) return glob === '' || glob === '**';
    const start = base === '/' ? '/' : `${base}/`;
    return path.startsWith(start) && regex.test(path.slice(start.length));
  };
}

function anchored(pattern: string, root: string, home: string): { base: string; glob: string } {
  if (pattern.startsWith('//')) return splitLiteral(posix.normalize(pattern.slice(1)));
  if (pattern.startsWith('~/')) return { base: home, glob: pattern.slice(2) };
  const relative = pattern.replace(/^\.?\//, '');
  const rooted = pattern !== relative && !relative.includes('/') ? `./${relative}` : relative;
  const climbs = /^(?:\.\.\/)+/.exec(rooted)?.[0];
  if (climbs) return { base: posix.resolve(root, climbs), glob: rooted.slice(climbs.length) };
  return { base: root, glob: rooted };
}

/** The literal directories in front of an absolute glob are its base. */
function splitLiteral(pattern: string): { base: string; glob: string } {
  const parts = pattern.split('/');
  const wild = parts.findIndex((part) => /[*?[{]/.test(part));
  if (wild < 0) return { base: pattern.replace(/(.)\/$/, '$1'), glob: '' };
  return { base: parts.slice(0, wild).join('/') || '/', glob: parts.slice(wild).join('/') };
}

function globSource(glob: string): string {
  let source = '';
  const text = glob.replace(/^\.\//, '').replace(/\/$/, '');
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === '*' && text[at + 1] === '*') {
      const slash = text[at + 2] === '/';
      source += slash ? '(?:.*/)?' : '.*';
      at += slash ? 2 : 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '{' && text.indexOf('}', at) > at) {
      const end = text.indexOf('}', at);
      const options = text.slice(at + 1, end).split(',');
      source += `(?:${options.map(globSource).join('|')})`;
      at = end;
    } else source += char.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  }
  return source;
}
