import Table from 'cli-table3';
import type { Limit, Row } from './row.ts';

/** Everything between cells is one blank, so that the widest table fits a terminal of 120 columns. */
const layout = {
  chars: {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: ' ',
  },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
};

const shown = (value: number | undefined): string => {
  if (value === undefined) return '–';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(3);
};

const limited = (limit: Limit): string => {
  const [sign, bound] = limit.least === undefined ? ['≤', limit.most] : ['≥', limit.least];
  return `${sign} ${bound}${{ value: '', processor: ' cpu', ratio: ' ×' }[limit.of]}`;
};

const ratioOf = (ratio: number | undefined): string => (ratio === undefined ? '' : `${shown(ratio)} ×`);

const askedOf = ({ asked, holds }: Row): string => {
  if (asked === undefined) return '';
  return holds === undefined ? limited(asked) : `${limited(asked)} ${holds ? 'holds' : 'MISSED'}`;
};

/** What a ratio compares, what is aimed at, and what else there is to say of a row. */
const remarkOf = ({ compared, aim, note }: Row): string =>
  [compared && `ratio: ${compared}`, aim && `aim ${limited(aim)}`, note].filter(Boolean).join('; ');

/** One table for each case, at most 120 columns wide, with numbered remarks below it. */
export function tableOf(rows: readonly Row[]): string {
  const cases = [...new Set(rows.map((row) => row.case))];
  return cases
    .map((name) =>
      caseOf(
        name,
        rows.filter((row) => row.case === name),
      ),
    )
    .join('\n\n');
}

function caseOf(name: string, rows: readonly Row[]): string {
  const head = ['what', 'by', 'threads', 'measured', 'cpu', 'ratio', 'cpu', 'asked', ''];
  const right = 'right' as const;
  const table = new Table({
    ...layout,
    head,
    colAligns: ['left', 'left', right, right, right, right, right, 'left', right],
  });
  const remarks: string[] = [];
  for (const row of rows) {
    const remark = remarkOf(row);
    if (remark !== '' && !remarks.includes(remark)) remarks.push(remark);
    const number = remark === '' ? '' : `${remarks.indexOf(remark) + 1})`;
    const { what, by, threads = '', value, unit, processor, ratio, processorRatio } = row;
    table.push([
      ...[what, by, threads, `${shown(value)} ${unit}`, processor === undefined ? '' : shown(processor)],
      ...[ratioOf(ratio), ratioOf(processorRatio), askedOf(row), number],
    ]);
  }
  return [`${name}:`, table.toString(), ...remarks.map((remark, i) => `  ${i + 1}) ${remark}`)].join('\n');
}
