import { describe, expect, test } from 'vitest';
import { type AccessRules, mayDo, openAccess, refusal, type Sender } from './access.ts';

const ada: Sender = { source: 'linear', id: 'U1', email: 'Ada@Example.test' };
const robot: Sender = { source: 'linear', id: null, email: null };
const rules = (over: Partial<AccessRules>): AccessRules => ({ ...openAccess, ...over });

describe('who may do what', () => {
  test.each<[string, Partial<AccessRules>, Sender, boolean]>([
    ['everybody, without rules', {}, ada, true],
    ['an automation, without rules', {}, robot, true],
    ['one on the list, by id in any case', { allowed: ['u1'] }, ada, true],
    ['one on the list, by address in any case', { allowed: ['ada@example.TEST'] }, ada, true],
    ['one who is not on it', { allowed: ['u2'] }, ada, false],
    ['nobody, with an empty list', { allowed: [] }, ada, false],
    ['an automation that is not named', { allowed: ['u1'] }, robot, false],
    ['an automation that is named', { allowed: ['automation'] }, robot, true],
    ['one who is blocked, though allowed', { allowed: ['u1'], blocked: ['ada@example.test'] }, ada, false],
    ['one who is blocked, though everybody may', { blocked: ['u1'], actions: { trigger: ['*'] } }, ada, false],
    ['one on the list of the action alone', { allowed: [], actions: { trigger: ['u1'] } }, ada, true],
    ['one left out of the list of the action', { allowed: ['u1'], actions: { trigger: ['u2'] } }, ada, false],
    ['everybody, for the action', { allowed: [], actions: { trigger: ['*'] } }, ada, true],
    ['whoever is at the terminal', { allowed: [] }, { source: 'cli', id: null, email: null }, true],
    ['nobody by an absent address', { allowed: ['null', ''] }, { ...ada, email: null }, false],
  ])('%s', (_name, over, sender, expected) => {
    expect(mayDo(rules(over), sender, 'trigger')).toBe(expected);
  });

  test('a list of one action says nothing of another', () => {
    const given = rules({ allowed: ['u2'], actions: { stop: ['u1'] } });
    expect([mayDo(given, ada, 'stop'), mayDo(given, ada, 'steer')]).toEqual([true, false]);
  });
});

test('a refusal names what was refused and who can change it; one of your own replaces it', () => {
  expect(refusal(openAccess, 'Ada', 'stop')).toMatch(/^Ada, you are not on the list of people who may stop this work.*userAccessControl/);
  expect(refusal(rules({ message: 'Ask Bob.' }), 'Ada', 'stop')).toBe('Ask Bob.');
});
