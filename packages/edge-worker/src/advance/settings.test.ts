import { configSchema } from 'cyrus-core/config/schema';
import type { Plan, Procedure } from 'cyrus-core/domain/plan';
import { describe, expect, test } from 'vitest';
import { attemptSettings } from './settings.ts';

const plan = (procedure: Procedure, tag?: string): Plan =>
  ({ id: 'p', procedure, repositoryId: 'r', options: tag === undefined ? {} : { model: tag } }) as unknown as Plan;
type Executor = Parameters<typeof attemptSettings>[3];
const settings = (config: object, repository: object = {}, procedure: Procedure = 'builder', tag?: string, executor: Executor = null) =>
  attemptSettings(
    configSchema.parse({ repositories: [{ id: 'r', remoteUrl: 'x', ...repository }], ...config }),
    plan(procedure, tag),
    undefined,
    executor,
  );

describe('the model', () => {
  const all = { modelByTaskType: { builder: 'of-builder', scoper: 'of-scoper' }, defaultModel: 'default' };
  test.each<[string, object, object, Procedure, string | undefined, string | undefined, string | undefined]>([
    ['the tag counts most', all, { model: 'repo' }, 'builder', 'tag', 'tag', '[model=tag] in the issue'],
    ['then the repository', all, { model: 'repo' }, 'builder', undefined, 'repo', 'model of the repository r'],
    ['then the kind of work', all, {}, 'scoper', undefined, 'of-scoper', 'modelByTaskType.scoper'],
    [
      'documentation has its own',
      { modelByTaskType: { documentation: 'd' } },
      {},
      'documentation',
      undefined,
      'd',
      'modelByTaskType.documentation',
    ],
    ['then the default', all, {}, 'debugger', undefined, 'default', 'defaultModel'],
    ['nothing is named', {}, {}, 'builder', undefined, undefined, undefined],
  ])('%s', (_name, config, repository, procedure, tag, model, modelFrom) =>
    expect(settings(config, repository, procedure, tag)).toMatchObject({ model, modelFrom }),
  );
  const cloud = (id: string): Executor => ({ id, kind: 'cloud', capabilities: {} as never });
  const services = {
    ...all,
    codegen: { modelByTaskType: { builder: 'theirs' }, defaultModel: 'their-default' },
    cursor: { defaultModel: 'composer' },
  };
  test.each<[string, string, Procedure, string | undefined, string | undefined, string | undefined]>([
    ['what the issue asks for', 'codegen', 'builder', 'tag', 'tag', '[model=tag] in the issue'],
    ['the service’s own for the kind of work', 'codegen', 'builder', undefined, 'theirs', 'codegen.modelByTaskType.builder'],
    ['the service’s own', 'codegen', 'scoper', undefined, 'their-default', 'codegen.defaultModel'],
    ['of that service', 'cursor', 'builder', undefined, 'composer', 'cursor.defaultModel'],
    ['none of this machine’s', 'elsewhere', 'builder', undefined, undefined, undefined],
  ])('in the cloud: %s', (_name, id, procedure, tag, model, modelFrom) =>
    expect(settings(services, { model: 'repo', fallbackModel: 'f' }, procedure, tag, cloud(id))).toMatchObject({
      model,
      modelFrom,
      fallbackModel: undefined,
    }),
  );
  test.each<[string, object, object, string | undefined]>([
    ['of the repository before the whole', { defaultFallbackModel: 'all' }, { fallbackModel: 'repo' }, 'repo'],
    ['of the whole', { defaultFallbackModel: 'all' }, {}, 'all'],
    ['that is the model itself is none', { defaultFallbackModel: 'all', defaultModel: 'all' }, {}, undefined],
    ['is none where none is named', {}, {}, undefined],
  ])('the fallback %s', (_name, config, repository, fallbackModel) =>
    expect(settings(config, repository).fallbackModel).toBe(fallbackModel),
  );
});

test('what a documentation task may change, and what is added to instructions', () => {
  expect(settings({}).documentationPaths).toEqual(['**/*.md', 'docs/**']);
  expect(settings({}, { documentationPaths: ['manual/**'] }).documentationPaths).toEqual(['manual/**']);
  expect(settings({}, { appendInstruction: '  Say please.\n' }).instructions).toBe('Say please.');
  expect(settings({}, { appendInstruction: '  ' }).instructions).toBeNull();
});

describe('tools', () => {
  test('of a label come before those of the procedure, the repository and the whole', () => {
    const config = { promptDefaults: { documentation: { allowedTools: 'readOnly' } }, defaultAllowedTools: ['Read'] };
    expect(settings(config).allowedTools).toEqual(['Read']);
    expect(settings(config, {}, 'documentation').allowedTools).toContain('Glob');
    const labelPrompts = { documentation: { labels: ['Docs'], allowedTools: ['Edit'], disallowedTools: ['WebFetch'] } };
    expect(settings(config, { labelPrompts }, 'documentation')).toMatchObject({ allowedTools: ['Edit'], disallowedTools: ['WebFetch'] });
  });
  test('a scoper has none that edit', () =>
    expect(settings({}, {}, 'scoper').disallowedTools).toEqual(expect.arrayContaining(['Edit', 'Write', 'NotebookEdit'])));
});
