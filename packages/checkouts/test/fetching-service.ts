/** A service that opens a mirror and fetches, to be killed: `fetching-service.ts ROOT REMOTE`. */
import { systemClock } from 'cyrus-core/clock';
import { createCheckouts } from '../src/checkouts.ts';
import { identity, sandbox } from './setting.ts';

const [, , root = '', remoteUrl = ''] = process.argv;
const checkouts = createCheckouts({ root, sandbox, clock: systemClock, gitIdentity: identity });
await (await checkouts.mirror({ id: 'repo', remoteUrl })).fetch();
await systemClock.sleep(60_000);
