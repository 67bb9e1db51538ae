import type { CrossMistake } from './cross-checks.ts';
import { type ConfigWarning, nearest } from './known-keys.ts';
import { conditionKeys, type Strategy } from './strategies.ts';

type Loose = Readonly<Record<string, unknown>>;

/** Executors that run in the cloud, by the key that configures them. */
const clouds = ['codegen', 'cursor'] as const;

/** A condition that is not known would be no condition: the rule would hold for everything. */
export function strategyMistakes(file: Loose): CrossMistake[] {
  return listOf(looseOf(file['orchestrationStrategy'])?.['rules']).flatMap((rule, index) =>
    Object.entries(looseOf(looseOf(rule)?.['when']) ?? {}).flatMap(([key, value]): CrossMistake[] => {
      if (conditionKeys.includes(key)) return [];
      const right = nearest(key, conditionKeys);
      return [
        {
          path: ['orchestrationStrategy', 'rules', index, 'when', key],
          value,
          allowed: conditionKeys.join(', '),
          fix: right ? `did you mean "${right}"?` : 'take it out: such a rule would hold for everything',
        },
      ];
    }),
  );
}

/** Choices that load and can not be held: names of executors that are not there, strategies that nothing is there for. */
export function strategyWarnings(file: Loose): ConfigWarning[] {
  const strategy = textOf(file['strategy']) ?? textOf(looseOf(file['codegen'])?.['strategy']);
  const own = looseOf(file['orchestrationStrategy']);
  const enabled = clouds.filter((id) => looseOf(file[id])?.['enabled'] === true);
  const known = new Set(['claude', 'local', 'cloud', ...enabled, ...Object.keys(looseOf(file['executors']) ?? {})]);
  const warnings: ConfigWarning[] = [];
  const unknown = (path: string, name: unknown): void => {
    if (typeof name !== 'string' || known.has(name)) return;
    const message = `names "${name}", which is not there, so it is passed over; there are: ${[...known].join(', ')}`;
    warnings.push({ path, message });
  };
  unknown('orchestrationStrategy.primary', own?.['primary']);
  for (const [index, name] of listOf(own?.['fallback']).entries()) unknown(`orchestrationStrategy.fallback[${index}]`, name);
  listOf(own?.['rules']).forEach((rule, index) => {
    const use = looseOf(rule)?.['use'];
    for (const name of Array.isArray(use) ? use : [use]) unknown(`orchestrationStrategy.rules[${index}].use`, name);
  });
  if (own?.['primary'] !== undefined) {
    if (file['strategy'] !== undefined)
      warnings.push({ path: 'strategy', message: 'is not used, because orchestrationStrategy.primary is set' });
    return warnings;
  }
  if (strategy === undefined && enabled.length > 0) {
    const chosen: Strategy = 'local-only';
    const path = enabled[0] === 'codegen' ? 'codegen.strategy' : 'strategy';
    warnings.push({ path, message: `is absent, so the default "${chosen}" holds and tasks run on this machine` });
  }
  if (strategy === 'cloud-only' && enabled.length === 0)
    warnings.push({ path: 'strategy', message: 'is "cloud-only", and no cloud executor is enabled: all work will wait' });
  const executor = textOf(file['executor']);
  if (executor !== undefined && clouds.some((id) => id === executor) && (strategy ?? 'local-only') === 'local-only')
    warnings.push({
      path: 'executor',
      message: `is "${executor}", which runs in the cloud, and the strategy "local-only" gives it nothing`,
    });
  return warnings;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function looseOf(value: unknown): Loose | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : undefined;
}
