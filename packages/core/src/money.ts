/** Money is an integer of micro-dollars: 1 USD = 1,000,000. */
export type MicroUsd = number;

/** @throws RangeError when `usd` is not a finite, non-negative amount */
export function microUsd(usd: number): MicroUsd {
  if (!Number.isFinite(usd) || usd < 0) throw new RangeError(`not an amount of dollars: ${usd}`);
  return Math.round(usd * 1_000_000);
}

/** `$0.0195`, `$0.60`: at most four decimals below a dollar, two above; never rounded to nothing. */
export function formatUsd(amount: MicroUsd): string {
  const usd = amount / 1_000_000;
  if (amount > 0 && usd < 0.0001) return '< $0.0001';
  return `$${amount > 0 && usd < 1 ? usd.toFixed(4).replace(/0{1,2}$/, '') : usd.toFixed(2)}`;
}

/** An estimate: `$0.48`, in whole cents where it is at least one. */
export function roughUsd(amount: MicroUsd): string {
  return formatUsd(Math.abs(amount) < 10_000 ? amount : Math.round(amount / 10_000) * 10_000);
}
