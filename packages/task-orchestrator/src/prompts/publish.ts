/** Writes `built-in.ts` from the Markdown templates, so that a bundle holds them: run it after changing one. A test compares the two. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const directory = new URL('../../prompts/', import.meta.url);

/** The texts of the Markdown files, by name. */
export function writtenTemplates(): Readonly<Record<string, string>> {
  const files = readdirSync(directory)
    .filter((file) => file.endsWith('.md'))
    .sort();
  return Object.fromEntries(files.map((file) => [file.slice(0, -3), readFileSync(new URL(file, directory), 'utf8')]));
}

if (import.meta.main) {
  const entries = Object.entries(writtenTemplates()).map(([name, text]) => `  '${name}': ${JSON.stringify(text)},`);
  const head = [
    '// Written by publish.ts from the templates in prompts/. Change those.',
    'export const builtInTemplates: Readonly<Record<string, string>> = {',
  ];
  writeFileSync(new URL('built-in.ts', import.meta.url), [...head, ...entries, '};', ''].join('\n'));
}
