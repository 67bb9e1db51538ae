import type { Row } from './measure.ts';

/** The rows for a person, and once what they were taken on. */
export function table(rows: readonly Row[]): string {
  const [first] = rows;
  if (!first) return '';
  const { machine, versions } = first;
  const cells = rows.map((row) => [
    row.name,
    `${shown(row.value)} ${row.unit}`,
    row.floor === null ? '–' : shown(row.floor),
    row.ratio === null ? '–' : `${row.ratio.toFixed(2)}×`,
    row.target === null ? '–' : `≤ ${row.target.atMost}${row.target.of === 'ratio' ? '×' : ` ${row.unit}`}`,
    row.pass === null ? '' : row.pass ? 'pass' : 'MISSED',
    String(row.samples),
  ]);
  const head = ['name', 'value', 'floor', 'ratio', 'target', '', 'samples'];
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [
    `machine: ${machine.cores} × ${machine.cpu}, ${machine.memoryMb} MB, Linux ${machine.kernel}, load ${machine.load}`,
    `versions: node ${versions.node}, postgres ${versions.postgres}, git ${versions.git}, agent ${versions.agent}`,
    '',
    line(head),
    ...cells.map(line),
  ].join('\n');
}

const shown = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0));
