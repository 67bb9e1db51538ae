import type { ServerResponse } from 'node:http';

export type ApiErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'billing_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'api_error'
  | 'overloaded_error';

export interface ApiRefusal {
  readonly status: number;
  readonly type: ApiErrorType;
  readonly message: string;
  readonly retryAfterS?: number;
  /** Whether the client's own retries make sense; absent: by the status. */
  readonly retry?: boolean;
}

/** Answers as the Messages API answers what it refuses. */
export function refuse(response: ServerResponse, { status, type, message, retryAfterS, retry }: ApiRefusal): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const body = JSON.stringify({ type: 'error', error: { type, message } });
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }),
    ...(retry === undefined ? {} : { 'x-should-retry': String(retry) }),
  });
  response.end(body);
}
