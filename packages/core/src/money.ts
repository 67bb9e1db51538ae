/** Money is an integer of micro-dollars: 1 USD = 1,000,000. */
export type MicroUsd = number;

/** @throws RangeError when `usd` is not a finite, non-negative amount */
export function microUsd(usd: number): MicroUsd {
  if (!Number.isFinite(usd) || usd < 0) throw new RangeError(`not an amount of dollars: ${usd}`);
  return Math.round(usd * 1_000_000);
}

/** `$0.0195`: four decimals below a dollar, two above; never rounded to nothing. */
export function formatUsd(amount: MicroUsd): string {
  const usd = amount / 1_000_000;
  if (amount > 0 && usd < 0.0001) return '< $0.0001';
  return `$${usd.toFixed(amount > 0 && usd < 1 ? 4 : 2)}`;
}
