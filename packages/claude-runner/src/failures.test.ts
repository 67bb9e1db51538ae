import { expect, test } from 'vitest';
import { classifyApiFailure } from './failures.ts';

test.each<[number | undefined, string, string]>([
  [401, 'Failed to authenticate. API Error: 401 invalid x-api-key', 'auth'],
  [403, 'Failed to authenticate. API Error: 403 forbidden', 'auth'],
  [undefined, 'Not logged in · Please run /login', 'auth'],
  [429, 'API Error: Request rejected (429) · slow down', 'rate_limited'],
  [429, 'Claude AI usage limit reached|1767225600', 'quota_exhausted'],
  [400, 'Your credit balance is too low to access the Anthropic API.', 'quota_exhausted'],
  [400, 'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.', 'quota_exhausted'],
  [402, 'The budget of this attempt is used up', 'budget_exceeded'],
  [402, 'API Error: 402 {"type":"error","error":{"message":"No budget for this call: The day is used up."}}', 'budget_exceeded'],
  [402, 'Payment required', 'quota_exhausted'],
  [529, 'API Error: 529 Overloaded', 'network'],
  [500, 'API Error: 500', 'network'],
  [408, 'API Error: 408', 'network'],
  [400, 'API Error: 400 tools.0: wrong', 'invalid_request'],
  [404, 'model: no-such-model', 'invalid_request'],
  [undefined, 'API Error: Connection refused — a firewall or proxy may block it', 'network'],
  [undefined, 'no connection', 'network'],
  [undefined, 'Something else', 'agent_failed'],
  [undefined, '', 'agent_failed'],
])('%s "%s" is %s', (status, text, expected) => {
  const failure = classifyApiFailure({ status, text });
  expect(failure.class).toBe(expected);
  expect(failure.message).not.toBe('');
});

test.each<[string, number | undefined]>([
  ['usage limit reached|1767225600', 1767225600_000],
  ['usage limits. You will regain access on 2026-12-01', Date.UTC(2026, 11, 1)],
  ['usage limits. You will regain access on 2026-12-01 06:30', Date.UTC(2026, 11, 1, 6, 30)],
  ['usage limit reached', undefined],
])('the end of a limit is read from "%s"', (text, expected) => expect(classifyApiFailure({ status: 429, text }).retryAt).toBe(expected));

test('a rate limit says when to come back, an address is named, and the fix says what to do', () => {
  expect(classifyApiFailure({ status: 429, text: 'slow', retryAt: 5000 })).toMatchObject({ class: 'rate_limited', retryAt: 5000 });
  expect(classifyApiFailure({ status: undefined, text: 'Connection refused', apiUrl: 'http://127.0.0.1:9' }).message).toContain(
    'http://127.0.0.1:9',
  );
  expect(classifyApiFailure({ status: 401, text: 'no' }).fix).toContain('ANTHROPIC_API_KEY');
});

test('an unknown model is named', () => {
  const text = "There's an issue with the selected model (claude-nope-9). It may not exist or you may not have access to it. Run --model.";
  expect(classifyApiFailure({ status: 404, text })).toEqual({
    class: 'invalid_request',
    message: 'The model API does not know the model claude-nope-9, or the key may not use it.',
    fix: 'Correct the name of the model, or name a fallbackModel.',
  });
});
