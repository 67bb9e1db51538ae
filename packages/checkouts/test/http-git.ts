import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A code host: git over HTTP with a password, and the faults a line can have. */
export interface HttpGit {
  readonly url: string;
  readonly port: number;
  /** Paths asked for, with the password that came with each. */
  readonly seen: { readonly path: string; readonly password: string | undefined }[];
  password: string;
  /** Large files, by object id; given and taken by the batch protocol of Git LFS. */
  readonly lfs: Map<string, Buffer>;
  /** Larger ones are not taken. */
  lfsMaxBytes: number;
  /** Does what the next push asks, and cuts the line instead of answering. */
  loseNextPush: boolean;
  /** Sends everybody there. */
  redirectTo: string | undefined;
  /** Accepts and says nothing. */
  silent: boolean;
  /** Of an answer that is longer only so much is sent, and the line stays open. */
  stopAfterBytes: number | undefined;
  close(): Promise<void>;
}

/** Serves the bare repositories below `root`. */
export async function startHttpGit(root: string): Promise<HttpGit> {
  const state = {
    seen: [],
    lfs: new Map(),
    lfsMaxBytes: Infinity,
    password: 'sesame',
    loseNextPush: false,
    redirectTo: undefined,
    silent: false,
    stopAfterBytes: undefined,
  } as unknown as HttpGit;
  const server = createServer((request, response) => {
    const [, encoded] = (request.headers.authorization ?? '').split(' ');
    const password = encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString().split(':')[1];
    state.seen.push({ path: request.url ?? '', password });
    if (state.silent) return;
    if (state.redirectTo !== undefined) return response.writeHead(302, { location: `${state.redirectTo}${request.url}` }).end();
    if (password !== state.password) return response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    if (/\/info\/lfs\/|^\/lfs-objects\//.test(request.url ?? ''))
      return void largeFiles(state, request, response).catch(() => response.destroy());
    const lose = state.loseNextPush && request.method === 'POST' && (request.url ?? '').endsWith('/git-receive-pack');
    if (lose) state.loseNextPush = false;
    backend(root, request, response, { lose, stopAfterBytes: state.stopAfterBytes });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    port,
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** The basic transfer of the batch protocol. */
async function largeFiles({ lfs, lfsMaxBytes, url }: HttpGit, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const oid = /^\/lfs-objects\/([0-9a-f]{64})$/.exec(request.url ?? '')?.[1];
  if (oid !== undefined && request.method === 'PUT') lfs.set(oid, body);
  if (oid !== undefined) return void response.writeHead(lfs.has(oid) ? 200 : 404).end(request.method === 'GET' ? lfs.get(oid) : undefined);
  if (!(request.url ?? '').endsWith('.git/info/lfs/objects/batch')) return void response.writeHead(404).end();
  const { operation, objects } = JSON.parse(body.toString()) as { operation: string; objects: { oid: string; size: number }[] };
  const answers = objects.map((object) => {
    const there = lfs.has(object.oid);
    if (operation === 'download' && !there) return { ...object, error: { code: 404, message: 'Object does not exist' } };
    if (operation === 'upload' && object.size > lfsMaxBytes)
      return { ...object, error: { code: 422, message: 'Size must be less than or equal to 1' } };
    if (operation === 'upload' && there) return object;
    const action = { href: `${url}/lfs-objects/${object.oid}`, header: { authorization: request.headers.authorization } };
    return { ...object, actions: { [operation]: action } };
  });
  response.writeHead(200, { 'content-type': 'application/vnd.git-lfs+json' }).end(JSON.stringify({ transfer: 'basic', objects: answers }));
}

interface Cuts {
  readonly lose: boolean;
  readonly stopAfterBytes: number | undefined;
}

function backend(root: string, request: IncomingMessage, response: ServerResponse, { lose, stopAfterBytes = Infinity }: Cuts): void {
  const url = new URL(request.url ?? '/', 'http://x');
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: '/nonexistent',
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'http.receivepack',
      GIT_CONFIG_VALUE_0: 'true',
      GIT_CONFIG_KEY_1: 'safe.directory',
      GIT_CONFIG_VALUE_1: '*',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_USER: 'cyrus',
    },
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.once('close', () => {
    if (lose) return void response.socket?.destroy();
    const whole = Buffer.concat(chunks);
    const split = whole.indexOf('\r\n\r\n');
    const headers = whole.subarray(0, split).toString().split('\r\n');
    let status = 200;
    for (const line of headers) {
      const [name = '', value = ''] = line.split(/: (.*)/);
      if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    const body = whole.subarray(split + 4);
    response.writeHead(status);
    if (body.length > stopAfterBytes) response.write(body.subarray(0, stopAfterBytes));
    else response.end(body);
  });
}
