/** A process that calls Linear with a stored login, for tests of several processes and of kills. Tells each step in a line. */
import { systemClock } from 'cyrus-core/clock';
import { createLinear } from 'cyrus-linear/client';
import { oauthAddresses } from 'cyrus-linear/oauth';
import { createOauthAccess } from 'cyrus-linear/oauth-access';
import { readViewer } from 'cyrus-linear/read-viewer';
import { createTokenStore } from 'cyrus-linear/token-store';

const { DIRECTORY = '', LINEAR_URL = '', FIRST = '', HANG = '' } = process.env;
const tell = (line: string): void => void process.stdout.write(`${line}\n`);
const real = createTokenStore(DIRECTORY, systemClock);
let writes = 0;
const store: typeof real = {
  ...real,
  async write(key, tokens) {
    // The first write notes what is asked, the second stores the answer.
    if (HANG !== '' && ++writes === 2) {
      tell('answered');
      await new Promise(() => undefined);
    }
    await real.write(key, tokens);
  },
};
const access = createOauthAccess({
  key: 'k',
  origin: { kind: 'configured', refreshToken: FIRST },
  store,
  app: () => ({ clientId: 'app', clientSecret: 'secret', addresses: oauthAddresses({ apiUrl: LINEAR_URL }), clock: systemClock }),
  clock: systemClock,
});
const client = createLinear({ apiUrl: LINEAR_URL, token: access, clock: systemClock });
// Keeps the process alive where everything in it waits.
const alive = setInterval(() => undefined, 1_000);
tell('ready');
for await (const _ of process.stdin) {
  const viewer = await readViewer(client);
  tell(viewer.ok ? `viewer ${viewer.value.name}` : `failed ${viewer.error.failure.message}`);
}
clearInterval(alive);
