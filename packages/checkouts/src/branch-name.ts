const maxTitleLength = 48;
const maxIdentifierLength = 32;

/** Every branch the product makes, and the only ones it pushes. */
export const branchPattern: RegExp = /^cyrus\/[a-z0-9]+(?:-[a-z0-9]+)*$/;

/**
 * `cyrus/eng-1-fix-the-parser`: lower-case letters, digits and single hyphens, whatever the title is made of, so that no shell,
 * path or ref syntax can come of it. `number` tells a second branch of one issue from the first.
 */
export function branchName(issue: { readonly identifier: string; readonly title: string; readonly number?: number }): string {
  const words = [
    slug(issue.identifier, maxIdentifierLength) || 'issue',
    slug(issue.title, maxTitleLength),
    issue.number === undefined ? '' : String(Math.trunc(Math.abs(issue.number))),
  ];
  return `cyrus/${words.filter((word) => word !== '').join('-')}`;
}

function slug(text: string, maxLength: number): string {
  // A megabyte of text is cut before anything looks at it.
  return text
    .slice(0, maxLength * 16)
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, maxLength + 1)
    .replace(/-[^-]*$/, (tail, at) => (at + tail.length > maxLength ? '' : tail))
    .slice(0, maxLength)
    .replace(/^-+|-+$/g, '');
}
