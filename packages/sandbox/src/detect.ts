import { systemClock } from 'cyrus-core/clock';
import type { Isolation } from 'cyrus-core/ports/sandbox';
import { detectBubblewrap } from './detect-bubblewrap.ts';
import { type ContainerChoice, detectContainer, type FoundContainer } from './detect-container.ts';
import { detectSeatbelt } from './detect-seatbelt.ts';

export interface IsolationReport {
  readonly isolation: Isolation;
  /** One sentence for a person: what was found. */
  readonly detail: string;
  /** Present with `none`: what to do to get isolation. */
  readonly fix?: string;
  readonly bwrapPath?: string;
  readonly nsenterPath?: string;
  readonly canDisableUserns?: boolean;
  readonly sandboxExecPath?: string;
  readonly container?: FoundContainer;
}

export interface DetectOptions {
  /** Only this one is tried; `none`: no isolation although there could be one. */
  readonly force?: Isolation;
  /** Where to look for programs; default `$PATH`. */
  readonly path?: string;
  readonly container?: ContainerChoice;
}

/**
 * What this host can hold an agent in, by really running a command that way: bubblewrap (or seatbelt on macOS) takes about 50 ms,
 * a container engine, which is tried where they do not work, a second.
 */
export async function detectIsolation(options: DetectOptions = {}): Promise<IsolationReport> {
  const { force, path = process.env['PATH'] ?? '', container = {} } = options;
  if (force === 'none') return { isolation: 'none', detail: 'Isolation is switched off.', fix: 'Remove the setting that switches it off.' };
  const wanted = (isolation: Isolation): boolean => force === undefined || force === isolation;
  let [detail, fix] = [`No isolation for agents on ${process.platform}.`, 'Run Cyrus on Linux with bubblewrap.'];
  if (process.platform === 'linux' && wanted('bwrap')) {
    const found = await detectBubblewrap(systemClock, path);
    if ('bwrapPath' in found)
      return { isolation: 'bwrap', detail: `Agents run in bubblewrap (${found.bwrapPath}), with a closed network.`, ...found };
    ({ detail, fix } = found);
  }
  if (process.platform === 'darwin' && wanted('seatbelt')) {
    const found = await detectSeatbelt(systemClock);
    if (typeof found !== 'string')
      return {
        isolation: 'seatbelt',
        detail: "Agents run under macOS's seatbelt. It has not been tried on every version of macOS, and holds less than a Linux sandbox.",
        ...found,
      };
    [detail, fix] = [`Seatbelt does not work here: ${found}.`, 'Install Podman or Docker, or run Cyrus on Linux with bubblewrap.'];
  }
  if (wanted('container')) {
    const found = await detectContainer(systemClock, path, container);
    if ('engine' in found) return { isolation: 'container', detail: containerDetail(found), container: found };
    if (force === 'container')
      [detail, fix] = ['No container engine works here.', 'Install Podman, or Docker, for the account that runs Cyrus.'];
    if (found.length > 0) detail = `${detail} Containers: ${found.join('; ')}.`;
  }
  if (force !== undefined && process.platform !== (force === 'seatbelt' ? 'darwin' : 'linux') && force !== 'container')
    [detail, fix] = [`There is no ${force} on ${process.platform}.`, 'Take sandbox.isolation out of the configuration.'];
  return { isolation: 'none', detail, fix };
}

function containerDetail({ engine, image, hostSystem }: FoundContainer): string {
  const by = `${engine.name === 'podman' ? 'Podman' : 'Docker'} (${engine.path}${engine.rootless ? ', rootless' : ''})`;
  const what = hostSystem ? "with this host's programs" : `of the image ${image}`;
  const limits = engine.limits ? '' : ' Limits of memory and processes are not held here.';
  return `Agents run in containers by ${by}, ${what}, with a closed network.${limits}`;
}
