import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const source = fileURLToPath(new URL('../src', import.meta.url));

test('no decision knows an executor by name: they are told apart by what they can do', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  expect(files.length).toBeGreaterThan(40);
  const named = files.flatMap((name) =>
    readFileSync(join(source, name), 'utf8')
      .split('\n')
      .flatMap((line, index) => (/(['"`])(?:claude|codegen|cursor)\1/.test(line) ? [`${name}:${index + 1} ${line.trim()}`] : [])),
  );
  expect(named).toEqual([]);
});
