/** POSTs JSON, or GETs without a body. @throws Error with the answer's text when it is no success */
export async function call<T>(url: string, body?: unknown, method: string = body === undefined ? 'GET' : 'POST'): Promise<T> {
  const content = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(url, { method, ...content });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text.slice(0, 500)}`);
  return (text === '' ? {} : JSON.parse(text)) as T;
}
