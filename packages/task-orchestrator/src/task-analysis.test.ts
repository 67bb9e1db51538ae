import { describe, expect, test } from 'vitest';
import { analyseTask, type TaskText } from './task-analysis.ts';

const details = {
  labels: [],
  hasChildren: false,
  hasParent: false,
  priority: null,
  subIssues: [],
  estimate: null,
} satisfies TaskText['details'];
const text = (
  over: Partial<Omit<TaskText, 'details'>> & { readonly details?: Partial<NonNullable<TaskText['details']>> } = {},
): TaskText => ({
  title: 'Add a farewell',
  description: '',
  procedure: 'builder',
  procedureChosen: false,
  said: [],
  ...over,
  details: { ...details, ...over.details },
});
const sub = (stateType: string): { identifier: string; title: string; relation: string; stateType: string } => ({
  identifier: 'A-1',
  title: 'x',
  relation: 'sub-issue',
  stateType,
});
const words = (count: number): string => Array.from({ length: count }, () => 'word').join(' ');

describe('type', () => {
  test.each<[string, TaskText, string, string]>([
    ['a bug', text({ procedure: 'debugger', procedureChosen: true }), 'debugger', 'debugger: its label says so'],
    ['a feature', text({ procedureChosen: true }), 'builder', 'builder: its label says so'],
    ['a sub-issue', text({ details: { hasParent: true } }), 'builder', 'builder: it is a sub-issue'],
    ['a parent', text({ details: { hasChildren: true } }), 'orchestrator', 'orchestrator: the issue has sub-issues'],
    ['a label', text({ details: { labels: ['Orchestrator'] } }), 'orchestrator', 'orchestrator: label Orchestrator'],
    [
      'a bug with sub-issues stays one',
      text({ procedure: 'debugger', procedureChosen: true, details: { hasChildren: true } }),
      'debugger',
      'debugger: its label says so',
    ],
    ['nothing known', text(), 'builder', 'builder: nothing says otherwise'],
  ])('%s', (_name, given, type, reason) => {
    const analysis = analyseTask(given);
    expect(analysis.type).toBe(type);
    expect(analysis.reasons[0]).toBe(reason);
  });
});

describe('complexity', () => {
  test.each<[string, TaskText, string, string]>([
    ['a line', text(), 'low', 'low: few words'],
    [
      'a bug has to be found first',
      text({ procedure: 'debugger', procedureChosen: true }),
      'medium',
      'medium: few words, the cause has to be found first',
    ],
    ['a screen of text', text({ description: words(150) }), 'medium', 'medium: 153 words'],
    [
      'a page that names files and lists points',
      text({ description: `${words(300)} in src/a.ts, src/b.ts and \`lib/c.py\`\n- one\n- two\n- three\n- four` }),
      'high',
      'high: 316 words, 3 files named, 4 points listed',
    ],
    ['a rewrite', text({ title: 'Rewrite the parser', description: words(70) }), 'medium', 'medium: 73 words, it speaks of "rewrite"'],
    [
      'a typo, however long the text',
      text({ title: 'Fix a typo', description: words(100) }),
      'low',
      'low: 103 words, its title speaks of "typo"',
    ],
    ['points count more than words', text({ description: words(500), details: { estimate: 2 } }), 'low', 'low: estimated at 2 points'],
    ['many points', text({ details: { estimate: 8 } }), 'high', 'high: estimated at 8 points'],
    ['no points are none', text({ details: { estimate: 0 } }), 'low', 'low: few words'],
    [
      'a label counts more than points',
      text({ details: { estimate: 8, labels: ['Good first issue'] } }),
      'low',
      'low: label Good first issue',
    ],
    [
      'a tag counts most, the last one said',
      text({ description: '[complexity=low]', said: ['make it [complexity=high] please'], details: { labels: ['small'] } }),
      'high',
      'high: the issue says [complexity=high]',
    ],
    ['a tag that means nothing', text({ description: '[complexity=huge]' }), 'low', 'low: few words'],
  ])('%s', (_name, given, complexity, reason) => {
    const analysis = analyseTask(given);
    expect(analysis.complexity).toBe(complexity);
    expect(analysis.reasons).toContain(reason);
  });
});

describe('needs', () => {
  test.each<[string, TaskText, object]>([
    [
      'nothing by itself',
      text(),
      { requiresIsolation: false, requiresContext: 'any', requiresParallelExecution: false, urgency: 'normal' },
    ],
    ['isolation by label', text({ details: { labels: ['Untrusted'] } }), { requiresIsolation: true }],
    ['isolation by tag', text({ description: '[isolation=required]' }), { requiresIsolation: true }],
    ['this machine by label', text({ details: { labels: ['local-only'] } }), { requiresContext: 'local-only' }],
    ['this machine by tag', text({ said: ['[context=local]'] }), { requiresContext: 'local-only' }],
    ['the cloud will do, by tag', text({ description: '[context=cloud]' }), { requiresContext: 'cloud-accessible' }],
    [
      'parts side by side: two open sub-issues',
      text({ details: { subIssues: [sub('started'), sub('unstarted'), sub('completed')] } }),
      { requiresParallelExecution: true },
    ],
    [
      'not when they are done',
      text({ details: { subIssues: [sub('started'), sub('canceled'), sub('completed')] } }),
      { requiresParallelExecution: false },
    ],
    ['urgent by priority', text({ details: { priority: 'Urgent' } }), { urgency: 'high' }],
    ['urgent by label', text({ details: { labels: ['hotfix'] } }), { urgency: 'high' }],
    ['high is not urgent', text({ details: { priority: 'High' } }), { urgency: 'normal' }],
    ['no hurry', text({ details: { priority: 'Low' } }), { urgency: 'low' }],
  ])('%s', (_name, given, expected) => {
    expect(analyseTask(given)).toMatchObject(expected);
  });

  test('an issue that was not read yet has needs of none', () => {
    expect(analyseTask({ ...text(), details: null })).toMatchObject({ type: 'builder', complexity: 'low', labels: [], refinedBy: null });
  });
});
