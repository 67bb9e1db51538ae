/** How far git says it is. */
export interface GitProgress {
  /** What it is at, as git names it: `Receiving objects`, `Resolving deltas`, … */
  readonly phase: string;
  readonly percent: number;
  /** Received so far, as git writes it (`1.20 GiB`); absent where nothing is received. */
  readonly received?: string;
}

const pattern = /^(?:remote: )?([A-Z][a-z]+ [a-z]+):\s+(\d{1,3})% \(\d+\/\d+\)(?:, ([\d.]+ (?:bytes|[KMG]iB)))?/;
const longestLine = 4_096;

/** Takes git's progress out of what it writes to stderr; gives the other lines. */
export function progressReader(onProgress: (progress: GitProgress) => void): (chunk: string) => string {
  let open = '';
  return (chunk) => {
    const lines = (open + chunk).split(/[\r\n]/);
    open = (lines.pop() ?? '').slice(-longestLine);
    let rest = '';
    for (const line of lines) {
      const [found, phase = '', percent = '0', received] = pattern.exec(line) ?? [];
      if (found !== undefined) onProgress({ phase, percent: Number(percent), ...(received === undefined ? {} : { received }) });
      else if (line.trim() !== '') rest += `${line}\n`;
    }
    return rest;
  };
}
