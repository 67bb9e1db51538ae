/** Delays in Linear's time: `timeScale` 60 lets an hour pass in a minute. All end with `stop`. */
export class Timers {
  readonly timeScale: number;
  private readonly running = new Set<NodeJS.Timeout>();

  constructor(timeScale: number) {
    if (!(timeScale > 0)) throw new RangeError(`timeScale must be positive, not ${timeScale}`);
    this.timeScale = timeScale;
  }

  /** Real milliseconds for a delay in Linear's time. */
  scaled(ms: number): number {
    return ms / this.timeScale;
  }

  /** Runs `action` once after `ms` of Linear's time; the returned function cancels it. */
  after(ms: number, action: () => void): () => void {
    const timer = setTimeout(() => {
      this.running.delete(timer);
      action();
    }, this.scaled(ms));
    this.running.add(timer);
    return () => {
      clearTimeout(timer);
      this.running.delete(timer);
    };
  }

  /** Waits `ms` of Linear's time. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  stop(): void {
    for (const timer of this.running) clearTimeout(timer);
    this.running.clear();
  }
}
