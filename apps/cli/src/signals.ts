/** Calls `first` at the first SIGTERM or SIGINT and `second` at the next. */
export function onSignals(first: () => void, second: () => void): void {
  let count = 0;
  const handle = (): void => {
    count += 1;
    if (count === 1) first();
    else second();
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
}
