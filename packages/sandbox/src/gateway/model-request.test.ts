import { describe, expect, test } from 'vitest';
import { type ModelRequest, readModelRequest } from './model-request.ts';

const allowed = { webSearch: true };
const textOf = (more: object): string => JSON.stringify({ model: 'm', max_tokens: 10, messages: [], ...more });
function read(text: string): ModelRequest {
  const found = readModelRequest(text, allowed);
  if ('mistake' in found) throw new Error(found.mistake);
  return found;
}
const said = (...content: object[]): object => ({ messages: [{ role: 'user', content }] });
const inputOf = (more: object): number => read(textOf(more)).inputTokens;

describe('what a call costs at most', () => {
  test.each<[string, unknown, number]>([
    ['as many searches as it says', 3, 3],
    ['fewer than none', -1_000_000, 10],
    ['none', 0, 10],
    ['part of one', 0.5, 10],
    ['more than can be counted', 1e300, 10],
    ['words', '3', 10],
  ])('%s', (_name, most, counted) => {
    expect(read(textOf({ tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: most }] })).webSearches).toBe(counted);
  });

  test('a cache of an hour counts however it is spelled, and not where it is only spoken of', () => {
    const long = (more: string) => read(`{"model":"m","max_tokens":10,"messages":[],${more}}`).longCache;
    expect(long('"cache_control":{"type":"ephemeral","ttl":"1h"}')).toBe(true);
    expect(long('"cache_control":{"type":"ephemeral","t\\u0074l":"\\u0031h"}')).toBe(true);
    expect(long('"system":"\\u001b {\\"ttl\\": \\"1h\\"}"')).toBe(false);
  });

  test('a packed document counts as all that a model can take, once; pictures inside of one as pictures', () => {
    const pdf = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' } };
    expect(inputOf(said(pdf, pdf))).toBeGreaterThan(1_000_000);
    expect(inputOf(said(pdf, pdf))).toBeLessThan(1_001_000);
    const pictures = { type: 'content', content: [{ type: 'image', source: { type: 'base64', data: 'x' } }] };
    expect(inputOf(said({ type: 'document', source: pictures }))).toBeGreaterThan(5_000);
    expect(inputOf(said({ type: 'document', source: { type: 'text', data: 'x' } }))).toBeLessThan(200);
  });

  test('text counts by its bytes as tokenizers see them: a letter that stands for many as all of them', () => {
    const ligatures = 'ﷺ'.repeat(1_000);
    expect(inputOf({ system: 'é'.repeat(1_000) })).toBeGreaterThan(2_000);
    expect(inputOf({ system: ligatures })).toBeGreaterThan(33_000);
    expect(read(`{"model":"m","max_tokens":10,"messages":[],"system":"${'\\ufdfa'.repeat(1_000)}"}`).inputTokens).toBeGreaterThan(33_000);
  });

  test('the instructions that the provider adds to tools count, more where the tools are its own', () => {
    const none = inputOf({});
    const own = inputOf({ tools: [{ name: 'x' }] });
    expect(own - none).toBeGreaterThan(804);
    expect(inputOf({ tools: [{ type: 'bash_20250124' }] }) - own).toBeGreaterThan(1_234);
  });
});

test.each([
  ['at the top', '{"model":"m","max_tokens":1,"messages":[],"max\\u005ftokens":64000}', '"max_tokens" stands there twice.'],
  [
    'deep inside',
    textOf(said({ type: 'text', text: '{"a":1,"a":2}' })).replace('"text","text"', '"image","type":"text","text"'),
    '"type" stands there twice.',
  ],
])('a key that is there twice is refused, %s', (_name, text, mistake) => {
  expect(readModelRequest(text, allowed)).toEqual({ mistake });
});

test('the same key in different objects, and in text, is no such thing', () => {
  const text = textOf({
    ...said({ type: 'text', text: '{"type":1,"type":2}' }, { type: 'text', text: 'b' }),
    tools: [{ name: 'a', x: [{}, { name: 'b' }] }],
  });
  expect(read(text)).toMatchObject({ model: 'm' });
});
