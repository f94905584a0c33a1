import Table from 'cli-table3';
import type { Limit, Row } from './row.ts';

const shown = (value: number | undefined): string => {
  if (value === undefined) return '–';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(3);
};

const limited = (limit: Limit | undefined): string => {
  if (limit === undefined) return '';
  const [sign, bound] = limit.least === undefined ? ['≤', limit.most] : ['≥', limit.least];
  return `${sign} ${bound}${limit.of === 'ratio' ? ' ×' : ''}`;
};

export function tableOf(rows: readonly Row[]): string {
  const head = [
    'case',
    'what',
    'by',
    'threads',
    'measured',
    'cpu',
    '',
    'ratio',
    'cpu ratio',
    '',
    'asked',
    'aim',
    '',
    '',
  ];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const row of rows) {
    const { value, processor, ratio, processorRatio, holds } = row;
    table.push([
      ...[row.case, row.what, row.by, row.threads ?? ''],
      ...[shown(value), processor === undefined ? '' : shown(processor), row.unit],
      ...[ratio === undefined ? '' : `${shown(ratio)} ×`],
      ...[processorRatio === undefined ? '' : `${shown(processorRatio)} ×`, row.compared ?? ''],
      ...[limited(row.asked), limited(row.aim), holds === undefined ? '' : holds ? 'holds' : 'MISSED'],
      row.note ?? '',
    ]);
  }
  return table.toString();
}
