import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../world.ts';
import { type Exchange, HttpError } from './exchange.ts';

/** `PUT /uploads/KEY` and `GET /assets/KEY/NAME`; reading needs the same `Authorization` as the API. */
export async function answerFile(world: World, exchange: Exchange): Promise<void> {
  const [, area, key] = exchange.path.split('/');
  const upload = world.uploads.get(key ?? '');
  if (!upload) throw new HttpError(404, 'no such file');
  const fault = world.faults.take('upload-error', ({ on }) => (on ?? 'put') === (area === 'uploads' ? 'put' : 'get'));
  if (fault) throw new HttpError(fault.status ?? 503, 'the file storage fails (fault)');
  if (area === 'uploads' && exchange.method === 'PUT') {
    upload.body = await exchange.body();
    return exchange.reply(200, {});
  }
  if (area !== 'assets' || exchange.method !== 'GET') throw new HttpError(405, 'PUT to uploads, GET from assets');
  if (!world.tokens.holder(exchange.request.headers.authorization)) throw new HttpError(401, 'not authenticated');
  const { waitMs, redirectTo, status } = upload.trouble ?? {};
  if (waitMs) await sleep(waitMs);
  if (redirectTo) return void exchange.response.writeHead(302, { location: redirectTo }).end();
  if (status) throw new HttpError(status, 'in trouble, as it was asked to be');
  if (!upload.body) throw new HttpError(404, 'the file was never uploaded');
  exchange.response.writeHead(200, { 'content-type': upload.contentType }).end(upload.body);
}
