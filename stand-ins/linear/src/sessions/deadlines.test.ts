import { describe, expect, test } from 'vitest';
import { buildWorld } from '../build-world.ts';
import { People } from '../people/people.ts';
import { Timers } from '../timers.ts';
import { actAs, type World } from '../world.ts';
import { addAgentActivity } from './activities.ts';
import { changeLinks } from './links.ts';

const second = 1_000;
const minute = 60 * second;

/** Timers that run when told. */
class ManualTimers extends Timers {
  private now = 0;
  private waiting: { at: number; action: () => void }[] = [];

  constructor() {
    super(1);
  }

  override after(ms: number, action: () => void): () => void {
    const entry = { at: this.now + ms, action };
    this.waiting.push(entry);
    return () => {
      this.waiting = this.waiting.filter((each) => each !== entry);
    };
  }

  advance(ms: number): void {
    this.now += ms;
    const due = this.waiting.filter((each) => each.at <= this.now).sort((a, b) => a.at - b.at);
    this.waiting = this.waiting.filter((each) => each.at > this.now);
    for (const each of due) each.action();
  }
}

function delegated(): { world: World; timers: ManualTimers; status: () => string; act: (type: string) => void; link: () => void } {
  const timers = new ManualTimers();
  const world = buildWorld({ events: [] }, () => 'http://127.0.0.1', timers);
  new People(world).createIssue({ title: 'x', delegate: true });
  const session = world.store.all('AgentSession')[0];
  if (!session) throw new Error('no session opened');
  return {
    world,
    timers,
    status: () => session.status,
    act: (type) => void addAgentActivity(world, session, { content: { type, body: 'x' } }, actAs(world.app)),
    link: () => changeLinks(world, session, { externalUrls: [{ label: 'Run', url: 'http://127.0.0.1/' }] }),
  };
}

describe('the first sign', () => {
  test('is due 10 s after created', () => {
    const { world, timers, status } = delegated();
    timers.advance(10 * second - 1);
    expect(status()).toBe('pending');
    timers.advance(1);
    expect([status(), world.violations.list.map((each) => each.kind)]).toEqual(['stale', ['no_first_activity']]);
  });

  test.each(['thought', 'link'])('may be a %s', (sign) => {
    const { world, timers, act, link } = delegated();
    if (sign === 'link') link();
    else act('thought');
    timers.advance(10 * second);
    expect(world.violations.list).toEqual([]);
  });
});

describe('silence', () => {
  test('of 30 min makes a working session stale; each activity starts it anew, and one recovers it', () => {
    const { world, timers, status, act } = delegated();
    act('thought');
    timers.advance(29 * minute);
    act('thought');
    timers.advance(29 * minute);
    expect(status()).toBe('active');
    timers.advance(minute);
    expect([status(), world.violations.list.map((each) => each.kind)]).toEqual(['stale', ['silent_30_minutes']]);
    act('thought');
    expect(status()).toBe('active');
  });

  test.each([
    ['elicitation', 'awaitingInput'],
    ['response', 'complete'],
    ['error', 'error'],
  ])('after a %s is no fault of the agent', (type, expected) => {
    const { world, timers, status, act } = delegated();
    act(type);
    timers.advance(24 * 60 * minute);
    expect([status(), world.violations.list]).toEqual([expected, []]);
  });
});
