import type { Evidence } from 'cyrus-core/domain/plan';

/** What the work did to submodules, for the answer. */
export function submodulesLine(submodules: NonNullable<Evidence['submodules']>): string {
  const shown = submodules.slice(0, 5).map(({ path, from, to }) => {
    const name = `\`${path.replace(/[`\r\n]/g, ' ')}\``;
    if (to === null) return `${name}: removed`;
    return `${name}: ${from === null ? 'new, at' : `${from.slice(0, 10)} →`} ${to.slice(0, 10)}`;
  });
  const more = submodules.length - shown.length;
  // Commits of those that were there before are on their remotes: work that names others is not published.
  const added = submodules.some(({ from, to }) => from === null && to !== null);
  const advice = added ? ' Whether the commit of a new submodule is in its repository was not looked at.' : '';
  return `**Submodules:** ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}.${advice}`;
}
