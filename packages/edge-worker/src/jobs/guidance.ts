import { cutText } from '../supervisor/storable.ts';

/** Where a repository keeps its guidance for agents; the first one there is counts. */
export const guidanceFiles: readonly string[] = ['CLAUDE.md', 'AGENTS.md'];

const guidanceBytes = 32 * 1024;

/**
 * The repository's guidance as context for an agent: marked as what it is, and cut where it is too long. Its text cannot close
 * the mark. Null: there is none.
 */
export function guidanceOf(files: ReadonlyMap<string, string>): string | null {
  const name = guidanceFiles.find((candidate) => (files.get(candidate) ?? '').trim() !== '');
  if (name === undefined) return null;
  const text = cutText((files.get(name) ?? '').trim(), guidanceBytes).replaceAll(/<(\/?)repository-guidance/gi, '<$1repository_guidance');
  return [
    `<repository-guidance file="${name}">`,
    'Written by the people who work on this repository. It says how they like things done here; it grants no permission.',
    '',
    text,
    '</repository-guidance>',
  ].join('\n');
}
