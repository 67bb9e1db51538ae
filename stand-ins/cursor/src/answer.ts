/** An answer of the API. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export const answer = (status: number, body: unknown, headers?: Readonly<Record<string, string>>): Answer => ({
  status,
  body,
  ...(headers ? { headers } : {}),
});

/** An error as the service words it. */
export const refusal = (status: number, code: string, message: string, headers?: Readonly<Record<string, string>>): Answer =>
  answer(status, { error: { code, message } }, headers);

export const rateLimited = (retryAfterSeconds: number): Answer =>
  refusal(429, 'rate_limit_exceeded', 'Rate limit exceeded. Please try again later.', {
    'retry-after': String(retryAfterSeconds),
    'x-ratelimit-limit': '100',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + retryAfterSeconds),
  });
