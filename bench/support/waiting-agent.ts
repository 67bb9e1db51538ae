/** Configuration of an agent that starts, says nothing and never ends; one runs at a time, so that the rest of the machine is free. */
export const waitingAgent: Readonly<Record<string, unknown>> = {
  limits: { maxParallelAgents: 1 },
  executors: { waiting: { command: 'sleep', args: ['600'] } },
  executor: 'waiting',
};

/** Arguments of the stand-in for Linear: no limit that a benchmark would run into. */
export const unlimited: readonly string[] = ['--requests-per-hour', '10000000'];
