import type { Timers } from '../timers.ts';
import { type Fault, type FaultKind, type FaultOf, parseFault } from './fault.ts';

/** A fault that is switched on. */
export interface ActiveFault {
  readonly id: number;
  readonly fault: Fault;
  /** Strikes left; `null` until it is removed or its time is over. */
  remaining: number | null;
  struck: number;
  /** How often it may still be passed by before it strikes. */
  letThrough: number;
  /** Epoch milliseconds at which an outage ends. */
  readonly until?: number;
}

interface Shippable {
  readonly action: string;
  readonly session?: string;
}

type Ship = () => Promise<void>;

const defaultHoldMs = 60_000;
const onceByDefault: ReadonlySet<FaultKind> = new Set([
  'error',
  'cut',
  'http-error',
  'reorder',
  'unauthorized',
  'expired-token',
  'token-error',
  'deleted-session',
  'upload-error',
]);

/** The switches: each strikes where the server asks for it, and counts itself down. */
export class Faults {
  private nextId = 1;
  private readonly active = new Map<number, ActiveFault>();
  private readonly held = new Map<string, () => void>();
  private readonly timers: Timers;
  /** Set by the server: closes its port for so many milliseconds. */
  refusePort: (ms: number) => void = () => undefined;

  constructor(timers: Timers) {
    this.timers = timers;
  }

  /** @throws TypeError when `input` is no fault */
  add(input: unknown): ActiveFault {
    const fault = parseFault(input);
    const times = 'times' in fault ? fault.times : fault.kind === 'rate-limit' ? fault.requests : undefined;
    const once = onceByDefault.has(fault.kind);
    const active: ActiveFault = {
      id: this.nextId++,
      fault,
      remaining: times ?? (once ? 1 : null),
      struck: 0,
      letThrough: ('after' in fault ? fault.after : undefined) ?? 0,
      ...(fault.kind === 'outage' ? { until: Date.now() + fault.ms } : {}),
    };
    this.active.set(active.id, active);
    if (fault.kind === 'outage' && fault.how === 'refuse' && fault.direction !== 'out') this.refusePort(fault.ms);
    return active;
  }

  list(): readonly ActiveFault[] {
    this.dropEnded();
    return [...this.active.values()];
  }

  /** Switches one off, or all; events held back are sent. */
  remove(id?: number): void {
    for (const key of id === undefined ? [...this.active.keys()] : [id]) this.active.delete(key);
    if (id === undefined) for (const release of [...this.held.values()]) release();
  }

  /** Uses up one strike of the first fault of a kind that `applies`. */
  take<K extends FaultKind>(kind: K, applies: (fault: FaultOf<K>) => boolean = () => true): FaultOf<K> | undefined {
    for (const active of this.active.values()) {
      const fault = active.fault as FaultOf<K>;
      if (active.fault.kind !== kind || !applies(fault)) continue;
      if (active.letThrough > 0) {
        active.letThrough--;
        continue;
      }
      active.struck++;
      if (active.remaining !== null && --active.remaining <= 0) this.active.delete(active.id);
      return fault;
    }
    return undefined;
  }

  outage(direction: 'in' | 'out'): FaultOf<'outage'> | undefined {
    this.dropEnded();
    return this.take('outage', (fault) => fault.direction === undefined || fault.direction === 'both' || fault.direction === direction);
  }

  /** How far in the past the timestamp of a webhook lies. */
  skewMs(action: string): number {
    return this.take('skew', (fault) => fault.action === undefined || fault.action === action)?.ms ?? 0;
  }

  /** The further copies of a webhook that are to be sent. */
  duplicates(event: Shippable): readonly { afterMs: number; deliveryId: 'same' | 'new' }[] {
    const fault = this.take('duplicate', (each) => each.action === undefined || each.action === event.action);
    if (!fault) return [];
    const delays = typeof fault.afterMs === 'number' ? [fault.afterMs] : fault.afterMs;
    return delays.map((afterMs) => ({ afterMs, deliveryId: fault.deliveryId ?? 'same' }));
  }

  /** Ships an event now, or, when `reorder` strikes, a `created` only after the session's `prompted`. */
  order(event: Shippable, ship: Ship): void {
    const { session } = event;
    const fault = session && event.action === 'created' ? this.take('reorder') : undefined;
    if (session && fault) {
      const release = (): void => {
        cancel();
        if (this.held.delete(session)) void ship();
      };
      const cancel = this.timers.after(fault.holdMs ?? defaultHoldMs, release);
      this.held.set(session, release);
      return;
    }
    const release = session && event.action === 'prompted' ? this.held.get(session) : undefined;
    void ship().then(release);
  }

  private dropEnded(): void {
    for (const { id, until } of this.active.values()) if (until !== undefined && until <= Date.now()) this.active.delete(id);
  }
}
