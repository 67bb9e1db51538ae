import type { Evidence } from 'cyrus-core/domain/plan';

/** What the work did to submodules, for the answer. */
export function submodulesLine(submodules: NonNullable<Evidence['submodules']>): string {
  const shown = submodules.slice(0, 5).map(({ path, from, to }) => {
    const name = `\`${path.replace(/[`\r\n]/g, ' ')}\``;
    if (to === null) return `${name}: removed`;
    return `${name}: ${from === null ? 'new, at' : `${from.slice(0, 10)} →`} ${to.slice(0, 10)}`;
  });
  const more = submodules.length - shown.length;
  const advice = 'Commits made inside a submodule are not pushed: push them to its own repository first.';
  return `**Submodules:** ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}. ${advice}`;
}
