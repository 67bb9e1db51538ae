import type { Issue } from 'cyrus-core/domain/issue';
import { describe, expect, test } from 'vitest';
import { type Routable, routeOptions, routeProcedure, routeRepository } from './route.ts';

const issue = (over: Partial<Issue> & { labels?: string[]; team?: string; project?: string } = {}): Issue => {
  const { labels = [], team = 'ENG', project = null, ...rest } = over;
  const details = {
    state: null,
    teamStates: [],
    teamKey: team,
    projectName: project,
    projectId: null,
    labels,
    assigneeId: null,
    delegateId: null,
    hasChildren: false,
    hasParent: false,
    comments: [],
  };
  return { id: 'i', workspace: 'w1', identifier: 'ENG-1', title: 'T', description: '', url: null, details, ...rest };
};
const repository = (id: string, over: Partial<Routable> = {}): Routable => ({
  id,
  name: id,
  workspace: null,
  teamKeys: [],
  projectKeys: [],
  routingLabels: [],
  labelPrompts: {},
  ...over,
});
const web = repository('web', { routingLabels: ['frontend'], teamKeys: ['WEB'] });
const api = repository('api', { projectKeys: ['Backend'], teamKeys: ['ENG'] });

describe('the repository', () => {
  test.each<[string, Issue, Routable[], string]>([
    ['by tag', issue({ description: 'please [repo=web]' }), [web, api], 'web: the issue says [repo=web]'],
    ['by label before team', issue({ labels: ['Frontend'] }), [web, api], "web: it takes this issue's label"],
    ['by project', issue({ project: 'backend', team: 'X' }), [web, api], "api: it takes this issue's project"],
    ['by team', issue(), [web, api], "api: it takes this issue's team"],
    ['the only one', issue(), [repository('one')], 'one: the only repository configured'],
    ['the one without conditions', issue({ team: 'OPS' }), [web, repository('rest')], 'rest: the only one without conditions'],
    [
      'of its own workspace only',
      issue(),
      [repository('a', { workspace: 'w1' }), repository('b', { workspace: 'w2' })],
      'a: the only repository configured',
    ],
  ])('%s', (_name, given, repositories, expected) => {
    const route = routeRepository(given, repositories);
    expect(route.fits ? `${route.repository.id}: ${route.reason}` : route.reason).toBe(expected);
  });

  test.each<[string, Issue, Routable[], RegExp]>([
    [
      'a tag that names nothing',
      issue({ description: '[repo=nope]' }),
      [web],
      /\[repo=nope\], which is not configured \(configured: web\)/,
    ],
    ['nothing configured', issue(), [], /no repository is configured for this workspace/],
    ['two that fit', issue(), [repository('a'), repository('b')], /several repositories could take it: a, b/],
    [
      'two of one team',
      issue(),
      [api, repository('api2', { teamKeys: ['ENG'] })],
      /several repositories take this issue's team: api, api2/,
    ],
    ['none that fits', issue({ team: 'OPS', labels: ['x'] }), [web, api], /team OPS, labels x\); configured: web, api/],
  ])('says why there is none: %s', (_name, given, repositories, expected) => {
    const route = routeRepository(given, repositories);
    expect(route.fits).toBe(false);
    expect(route.reason).toMatch(expected);
  });
});

describe('the procedure', () => {
  test.each<[string, string[], Routable, string]>([
    ['a bug is debugged', ['Bug'], web, 'debugger: label Bug'],
    ['a question is scoped', ['Scope'], web, 'scoper: label Scope'],
    ['a feature is built', ['Feature'], web, 'builder: label Feature'],
    ['nothing says otherwise', ['whatever'], web, 'builder: no label says otherwise'],
    [
      'the configuration names the label',
      ['Defekt'],
      repository('x', { labelPrompts: { debugger: ['Defekt'] } }),
      'debugger: label Defekt',
    ],
    [
      'a configured label replaces the usual one',
      ['Bug'],
      repository('x', { labelPrompts: { debugger: ['Defekt'] } }),
      'builder: no label says otherwise',
    ],
  ])('%s', (_name, labels, where, expected) => {
    const { procedure, reason } = routeProcedure(issue({ labels }), where);
    expect(`${procedure}: ${reason}`).toBe(expected);
  });
});

test('agent and model are taken from the issue', () => {
  expect(routeOptions(issue({ description: 'x [agent=custom] y [model=claude-opus-5]' }))).toEqual({
    agent: 'custom',
    model: 'claude-opus-5',
  });
  expect(routeOptions(issue())).toEqual({});
});
