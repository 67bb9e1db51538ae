import { budgetWarnings } from './budgets.ts';
import { githubMistakes, githubWarnings } from './github-checks.ts';
import type { ConfigWarning } from './known-keys.ts';
import type { Path } from './mask.ts';
import { strategyMistakes, strategyWarnings } from './strategy-checks.ts';

/** A mistake that shows only where several values are read together. */
export interface CrossMistake {
  readonly path: Path;
  readonly value: unknown;
  readonly allowed: string;
  readonly fix: string;
}

type Loose = Readonly<Record<string, unknown>>;

/** Reads the unchecked values, so that these mistakes are told together with all others. */
export function crossMistakes(file: Loose): CrossMistake[] {
  const repositories = Array.isArray(file['repositories']) ? file['repositories'] : [];
  const firstWith = new Map<string, number>();
  const mistakes: CrossMistake[] = [];
  repositories.forEach((entry: unknown, index) => {
    const repository = looseOf(entry);
    if (!repository) return;
    const { id } = repository;
    if (typeof id === 'string') {
      const earlier = firstWith.get(id);
      if (earlier === undefined) firstWith.set(id, index);
      else mistakes.push(duplicate(index, id, earlier));
    }
    const noSource = ['repositoryPath', 'remoteUrl', 'githubUrl'].every((key) => repository[key] === undefined);
    if (noSource) mistakes.push(nowhere(index));
  });
  return [
    ...mistakes,
    ...containerMistakes(file),
    ...codegenMistakes(file),
    ...cursorMistakes(file),
    ...githubMistakes(file),
    ...strategyMistakes(file),
  ];
}

function containerMistakes(file: Loose): CrossMistake[] {
  const repositories = Array.isArray(file['repositories']) ? file['repositories'] : [];
  const places: [Path, unknown][] = [
    [['verify'], file['verify']],
    ...repositories.map((entry: unknown, index): [Path, unknown] => [['repositories', index, 'verify'], looseOf(entry)?.['verify']]),
  ];
  return places.flatMap(([path, verify]) => {
    const services: unknown = looseOf(verify)?.['services'];
    return (Array.isArray(services) ? services : []).flatMap((entry: unknown, index): CrossMistake[] => {
      const image = looseOf(entry)?.['image'];
      if (image === undefined) return [];
      return [
        {
          path: [...path, 'services', index, 'image'],
          value: image,
          allowed: 'a command: Cyrus starts no containers, because the socket of a container engine is the whole machine',
          fix: 'name the program itself in `command`, or start the container yourself and wait for it with ready.port, or use verify.mode "ci"',
        },
      ];
    });
  });
}

function duplicate(index: number, id: string, earlier: number): CrossMistake {
  return {
    path: ['repositories', index, 'id'],
    value: id,
    allowed: 'an id that no other repository has',
    fix: `choose another id: repositories[${earlier}] has this one already`,
  };
}

function nowhere(index: number): CrossMistake {
  return {
    path: ['repositories', index],
    value: undefined,
    allowed: 'repositoryPath (a checkout on this machine) or remoteUrl (where to clone from)',
    fix: 'add one of the two',
  };
}

function codegenMistakes(file: Loose): CrossMistake[] {
  const codegen = looseOf(file['codegen']);
  if (codegen?.['enabled'] !== true) return [];
  return (['orgId', 'apiToken'] as const)
    .filter((key) => codegen[key] === undefined)
    .map((key) => ({
      path: ['codegen', key],
      value: undefined,
      allowed: key === 'orgId' ? "the organisation's id" : 'an API token',
      fix: `add it, or set ${key === 'orgId' ? 'CODEGEN_ORG_ID' : 'CODEGEN_API_TOKEN'}, or set codegen.enabled to false`,
    }));
}

function cursorMistakes(file: Loose): CrossMistake[] {
  const cursor = looseOf(file['cursor']);
  if (cursor?.['enabled'] !== true || cursor['apiKey'] !== undefined) return [];
  const fix = 'add it, or set CURSOR_API_KEY, or set cursor.enabled to false';
  return [{ path: ['cursor', 'apiKey'], value: undefined, allowed: 'an API key from cursor.com/dashboard', fix }];
}

function codegenWarnings(codegen: Loose): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const { orgId } = codegen;
  if (codegen['enabled'] === true && typeof orgId === 'string' && !/^\d+$/.test(orgId)) {
    const message = `is ${JSON.stringify(orgId)}; Codegen knows organisations by a whole number, so it gets no work until this is one`;
    warnings.push({ path: 'codegen.orgId', message });
  }
  if (codegen['enabled'] === true && codegen['estimatedCostPerRunUsd'] === undefined) {
    const limits = ['maxCostPerTask', 'maxCostPerDay'].filter((key) => typeof codegen[key] === 'number');
    for (const key of limits) {
      const message =
        'Codegen reports no cost, so this limit needs codegen.estimatedCostPerRunUsd; without it runs are limited by number and time';
      warnings.push({ path: `codegen.${key}`, message });
    }
  }
  const atOnce = codegen['maxParallel'];
  if (looseOf(codegen['features'])?.['parallelExecution'] === false && typeof atOnce === 'number' && atOnce > 1) {
    warnings.push({
      path: 'codegen.maxParallel',
      message: 'is not used, because codegen.features.parallelExecution is false: one run at a time',
    });
  }
  return warnings;
}

/** What loads but does not do what it seems to say. */
export function crossWarnings(file: Loose): ConfigWarning[] {
  const warnings: ConfigWarning[] = githubWarnings(file);
  const codegen = looseOf(file['codegen']);
  const claude = looseOf(file['claude']);
  if (codegen) warnings.push(...codegenWarnings(codegen));
  if (claude?.['auth'] === 'ownLogin' && claude['apiKey'] !== undefined) {
    warnings.push({ path: 'claude.apiKey', message: 'is not used, because claude.auth is "ownLogin"' });
  }
  return [...warnings, ...strategyWarnings(file), ...budgetWarnings(file)];
}

function looseOf(value: unknown): Loose | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : undefined;
}
