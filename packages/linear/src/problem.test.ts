import { expect, test } from 'vitest';
import { type Answer, problemOf } from './problem.ts';

const now = Date.UTC(2026, 10, 21);
const answer = (status: number, errors?: Answer['errors'], headers: Record<string, string> = {}): Answer => ({
  status,
  errors,
  headers: new Headers(headers),
});
const error = (message: string, extensions?: Record<string, unknown>): NonNullable<Answer['errors']>[number] => ({
  message,
  ...(extensions ? { extensions } : {}),
});
const notFound = error('Entity not found: AgentSession', {
  code: 'INPUT_ERROR',
  type: 'invalid input',
  statusCode: 400,
  userError: true,
  userPresentableMessage: 'Could not find referenced AgentSession.',
});

test.each<[string, Answer, string, string]>([
  ['HTTP 200 with a user error is for good', answer(200, [notFound]), 'rejected', 'invalid_request'],
  [
    'rate limit with HTTP 400',
    answer(400, [error('Rate limit exceeded', { code: 'RATELIMITED', type: 'ratelimited', statusCode: 429, userError: true })]),
    'retry',
    'rate_limited',
  ],
  ['rate limit by type alone', answer(400, [error('slow down', { type: 'Ratelimited' })]), 'retry', 'rate_limited'],
  ['rate limit by status alone', answer(429), 'retry', 'rate_limited'],
  [
    'bad credentials',
    answer(401, [error('Authentication required, not authenticated', { code: 'AUTHENTICATION_ERROR', statusCode: 401, userError: true })]),
    'retry',
    'auth',
  ],
  ['bad credentials without a body', answer(401), 'retry', 'auth'],
  ['bad credentials with HTTP 400', answer(400, [error('no', { type: 'authentication error' })]), 'retry', 'auth'],
  ['forbidden', answer(200, [error('no', { code: 'FORBIDDEN', type: 'forbidden', statusCode: 403, userError: true })]), 'rejected', 'auth'],
  [
    'an internal error with HTTP 200',
    answer(200, [error('Internal server error', { code: 'INTERNAL_SERVER_ERROR', statusCode: 500, userError: false })]),
    'retry',
    'network',
  ],
  ['an internal error with HTTP 500', answer(500, [error('Internal server error')]), 'retry', 'network'],
  ['a bad gateway', answer(502), 'retry', 'network'],
  ['a page in place of an answer', answer(200), 'retry', 'network'],
  ['the wrong address', answer(404), 'retry', 'network'],
  ['a redirect', answer(302), 'retry', 'network'],
  [
    'a query that does not fit the schema',
    answer(400, [error('Cannot query field "x"', { code: 'GRAPHQL_VALIDATION_FAILED', type: 'graphql error', userError: true })]),
    'rejected',
    'invalid_request',
  ],
  [
    'a query too complex',
    answer(400, [error('Query too complex', { code: 'INPUT_ERROR', type: 'invalid input', userError: true })]),
    'rejected',
    'invalid_request',
  ],
  ['an error that says nothing of itself', answer(200, [error('boom')]), 'rejected', 'invalid_request'],
  ['no data and no errors', answer(200, []), 'rejected', 'invalid_request'],
  ['not implemented stays so', answer(200, [error('x', { statusCode: 501, userError: false })]), 'rejected', 'invalid_request'],
])('%s', (_name, given, action, failureClass) => {
  expect(problemOf(given, now)).toMatchObject({ action, failure: { class: failureClass } });
});

test('what Linear says to people is in the message, once and clean', () => {
  const { failure, said } = problemOf(answer(200, [notFound, notFound, error('\u0000\u001b[31m')]), now);
  expect(failure.message).toBe('Linear refused: Entity not found: AgentSession · Could not find referenced AgentSession. · [31m');
  expect(said).toContain('Could not find referenced AgentSession.');
});

test('a rate limit says when', () => {
  expect(problemOf(answer(400, [error('x', { code: 'RATELIMITED' })], { 'retry-after': '7' }), now).failure.retryAt).toBe(now + 7000);
});
