import { own } from '../base/own.ts';
import { FrondError, type Graph, type palm, toSvg } from '../index.ts';
import { escapeHtml, lineChart, type Series } from './chart.ts';
import type { StepEvent } from './curve.ts';
import { headlines } from './outcome.ts';

export interface ReportInput {
  readonly name: string;
  readonly result: palm.RecipeResult;
  readonly test: palm.Metrics;
  readonly facts: { readonly seconds: number; readonly seed: number; readonly device: string };
  /** `step` events of the run */
  readonly steps: readonly StepEvent[];
}

const STYLE = `
body { font: 15px/1.5 ui-sans-serif, system-ui, sans-serif; color: #1f2933; margin: 2.5rem auto; max-width: 1120px; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.4rem } .facts { color: #5a6672 }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1.2rem }
.chart { width: 100%; font-size: 10px; fill: #5a6672 } .chart .title { font-size: 12px; font-weight: 600; fill: #1f2933 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #e4e9ee }
th:first-child, td:first-child { text-align: left } th { color: #5a6672; font-weight: 600 }
.big { display: flex; gap: 2.4rem; margin: 1.4rem 0 } .big div { font-size: 1.9rem; font-weight: 650 } .big span { display: block; font-size: .8rem; color: #5a6672; font-weight: 400 }
.scroll { overflow: auto; border: 1px solid #e4e9ee; border-radius: 8px; padding: .8rem } .scroll svg { max-width: 100%; height: auto } .plain { border: 0; padding: 0 }
.bar { min-width: 9rem }
.confusion td { text-align: center; padding: .15rem .4rem; border: 0 } .confusion th { font-weight: 400; font-size: .75rem }
.confusion th.column { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; padding: .4rem .15rem }`;

const percent = (value: unknown): string => (typeof value === 'number' ? `${(100 * value).toFixed(1)}` : '–');

const table = (head: readonly string[], rows: readonly (readonly string[])[], className = ''): string =>
  [
    `<table class="${className}"><thead><tr>${head.map((cell) => `<th>${escapeHtml(cell)}</th>`).join('')}</tr></thead><tbody>`,
    ...rows.map((row) => `<tr>${row.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`),
    '</tbody></table>',
  ].join('\n');

/** `intent accuracy`, `slots f1`, … of an epoch's metrics as numbers. */
function flat(metrics: palm.Metrics | undefined): [string, number][] {
  return Object.entries(headlines(metrics ?? {})).flatMap(([task, value]): [string, number][] => {
    if (typeof value === 'number') return [[task === 'exactMatch' ? 'exact match' : task, value]];
    return Object.entries(value as object).map(([name, number]) => [
      `${task} ${name === 'f1' ? 'F1' : name}`,
      Number(number),
    ]);
  });
}

function charts({ result, steps }: ReportInput): string {
  const { history } = result.summary;
  const tasks = Object.keys(steps[0]?.losses ?? history[0]?.losses ?? {});
  const losses: Series[] = tasks.map((task) => ({
    name: task,
    points: steps.map((event) => [event.step, own(event.losses, task) ?? Number.NaN]),
  }));
  const names = flat(history[0]?.metrics)
    .map(([name]) => name)
    .filter((name) => /accuracy|F1|exact/.test(name));
  const scores: Series[] = names.map((name) => ({
    name,
    points: history.map(({ epoch, metrics }) => [epoch, new Map(flat(metrics)).get(name) ?? Number.NaN]),
  }));
  const rate: Series[] = [{ name: 'rate', points: steps.map((event) => [event.step, event.rate]) }];
  const norm: Series[] = [
    { name: 'gradient norm', points: steps.map((event) => [event.step, event.gradientNorm]) },
  ];
  return [
    lineChart(losses, { title: 'training loss by task', x: 'step', y: 'loss' }),
    lineChart(scores, { title: 'validation', x: 'epoch', y: 'fraction', from: 1, top: 1 }),
    lineChart(rate, { title: 'learning rate', x: 'step', y: 'rate' }),
    lineChart(norm, { title: 'gradient norm before clipping', x: 'step', y: 'norm' }),
  ].join('\n');
}

function epochTable({ result }: ReportInput): string {
  const { history, bestStep } = result.summary;
  const names = flat(history[0]?.metrics).map(([name]) => name);
  const rows = history.map(({ epoch, step, loss, metrics }) => {
    const values = new Map(flat(metrics));
    return [
      `${epoch}${step === bestStep ? ' ★' : ''}`,
      loss.toFixed(4),
      ...names.map((name) => percent(values.get(name))),
    ];
  });
  return `<div class="scroll plain">${table(['epoch', 'training loss', ...names], rows)}</div>`;
}

interface Confusion {
  readonly labels: readonly string[];
  readonly counts: readonly (readonly number[])[];
}
interface TypeRow {
  readonly type: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly expected: number;
}

function confusionTable(task: string, { labels, counts }: Confusion): string {
  const total = counts.map((row) =>
    Math.max(
      1,
      row.reduce((sum, count) => sum + count, 0),
    ),
  );
  const rows = counts.map((row, i) => {
    const cells = row.map((count, j) => {
      const share = count / (total[i] ?? 1);
      const color = i === j ? `rgba(61,139,64,${share * 0.7})` : `rgba(194,97,31,${Math.min(1, share * 2)})`;
      return `<td style="background:${count === 0 ? 'none' : color}">${count === 0 ? '' : count}</td>`;
    });
    return `<tr><th>${escapeHtml(labels[i] ?? '')}</th>${cells.join('')}</tr>`;
  });
  const head = labels.map((name) => `<th class="column">${escapeHtml(name)}</th>`).join('');
  return `<h2>${escapeHtml(task)}: confusion (rows: right label, columns: predicted)</h2><div class="scroll"><table class="confusion"><tr><th></th>${head}</tr>${rows.join('\n')}</table></div>`;
}

/** Scores of each slot type; the bar behind F1 shows it at a glance. */
function typeTable(types: readonly TypeRow[]): string {
  const rows = [...types]
    .sort((a, b) => b.expected - a.expected || a.type.localeCompare(b.type))
    .map(({ type, precision, recall, f1, expected }) => {
      const bar = `background:linear-gradient(90deg,#d6e6f5 ${percent(f1)}%,transparent 0)`;
      const cells = [percent(precision), percent(recall), percent(f1), String(expected)];
      return `<tr><td>${escapeHtml(type)}</td>${cells.map((cell, i) => `<td${i === 2 ? ` class="bar" style="${bar}"` : ''}>${cell}</td>`).join('')}</tr>`;
    });
  const head = ['type', 'precision', 'recall', 'F1', 'in the test part']
    .map((cell) => `<th>${cell}</th>`)
    .join('');
  return `<table class="types"><thead><tr>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function taskTables(test: palm.Metrics): string {
  return Object.entries(test)
    .map(([task, value]) => {
      if (typeof value !== 'object' || value === null) return '';
      const { confusion, types } = value as { confusion?: Confusion; types?: readonly TypeRow[] };
      return [
        confusion === undefined ? '' : confusionTable(task, confusion),
        types === undefined
          ? ''
          : `<h2>${escapeHtml(task)}: by type, the most frequent first</h2>${typeTable(types)}`,
      ].join('\n');
    })
    .join('\n');
}

/** The graph with as many scopes shown as find room. */
function drawing(graph: Graph): string {
  for (const depth of [2, 1]) {
    try {
      return toSvg(graph, { depth, parameters: false });
    } catch (error) {
      if (!(error instanceof FrondError)) throw error;
    }
  }
  return toSvg(graph, { depth: 0, parameters: false });
}

/** The report of a run: one page that needs nothing else. */
export function reportPage(input: ReportInput): string {
  const { name, result, test, facts } = input;
  const { steps, history } = result.summary;
  const big = flat(test)
    .filter(([label]) => /accuracy|F1|exact/.test(label))
    .map(([label, value]) => `<div>${percent(value)} %<span>${escapeHtml(label)}</span></div>`);
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(name)}</title><style>${STYLE}</style>`,
    `<h1>${escapeHtml(name)}</h1>`,
    `<p class="facts">${steps} steps, ${history.length} epochs, ${facts.seconds.toFixed(0)} s on device ${escapeHtml(facts.device)}, seed ${facts.seed}. Scores on the test part:</p>`,
    `<div class="big">${big.join('')}</div>`,
    `<div class="charts">${charts(input)}</div>`,
    `<h2>validation after each epoch</h2>${epochTable(input)}`,
    taskTables(test),
    `<h2>the graph that predicts</h2><div class="scroll">${drawing(result.trainer.prediction)}</div>`,
    '</html>\n',
  ].join('\n');
}
