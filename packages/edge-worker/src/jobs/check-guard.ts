import type { CheckSources } from './check-sources.ts';
import { scriptsOf } from './detect-checks.ts';
import type { TreeFile } from './tree-files.ts';

/** One file of a checkout as it is to be before a check runs; without `content`, it is not to be there. */
export interface GuardedFile {
  readonly path: string;
  readonly content?: string;
  readonly executable: boolean;
  /** Whether the work to be checked has it otherwise. */
  readonly changed: boolean;
}

/**
 * What the checks are made of, as the base commit has it, whatever the work made of it. The rest of a package.json (its
 * dependencies, its new scripts) stays the work's own.
 */
export function guardChecks(
  sources: CheckSources,
  base: ReadonlyMap<string, TreeFile>,
  head: ReadonlyMap<string, TreeFile>,
): readonly GuardedFile[] {
  const guarded: GuardedFile[] = [];
  for (const path of sources.files) {
    const was = base.get(path);
    const is = head.get(path);
    const changed = was?.content !== is?.content || was?.executable !== is?.executable;
    if (was || is || !path.includes('/')) {
      guarded.push({ path, ...(was ? { content: was.content } : {}), executable: was?.executable ?? false, changed });
    }
  }
  const manifest = head.get('package.json');
  if (sources.scripts.length > 0 && manifest) guarded.push(guardManifest(sources.scripts, base.get('package.json')?.content, manifest));
  return guarded;
}

function guardManifest(names: readonly string[], base: string | undefined, head: TreeFile): GuardedFile {
  const was = scriptsOf(base);
  const is = scriptsOf(head.content);
  const hooks = names.flatMap((name) => [`pre${name}`, `post${name}`]).filter((name) => was[name] === undefined);
  const changed = names.some((name) => was[name] !== is[name]) || hooks.some((name) => is[name] !== undefined);
  if (!changed) return { path: 'package.json', content: head.content, executable: head.executable, changed };
  const scripts: Record<string, string> = { ...is };
  for (const name of names) if (was[name] !== undefined) scripts[name] = was[name];
  for (const name of hooks) delete scripts[name];
  const manifest: unknown = parse(head.content);
  const whole = typeof manifest === 'object' && manifest !== null && !Array.isArray(manifest) ? manifest : {};
  return { path: 'package.json', content: `${JSON.stringify({ ...whole, scripts }, null, 2)}\n`, executable: head.executable, changed };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads lines `mode base64 path` and makes each file so. Runs inside the sandbox: what a link leads to there is no file of the host. */
export const guardScript: string = `
while read -r mode content path; do
  rm -rf -- "$path" || exit 1
  [ "$mode" = gone ] && continue
  case "$path" in */*) mkdir -p -- "\${path%/*}" || exit 1 ;; esac
  if [ "$content" = - ]; then : > "$path"; else printf '%s' "$content" | base64 -d > "$path"; fi || exit 1
  chmod "$mode" "$path" || exit 1
done
`;

/** What goes away goes first: names that differ in case alone are one file on some systems. */
export function guardInput(files: readonly GuardedFile[]): string {
  const gone = files.filter((file) => file.content === undefined);
  return [...gone, ...files.filter((file) => file.content !== undefined)]
    .map(({ path, content, executable }) => {
      if (content === undefined) return `gone - ${path}\n`;
      return `${executable ? 755 : 644} ${Buffer.from(content).toString('base64') || '-'} ${path}\n`;
    })
    .join('');
}
