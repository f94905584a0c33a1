import * as is from '../base/kinds.ts';
import { grouped, own } from '../base/own.ts';
import { escapeMarkup } from '../base/shown.ts';
import { type Graph, type palm, toSvg } from '../index.ts';
import { attempt } from '../platform/node/failure.ts';
import { lineChart, type Series, stripChart } from './chart.ts';
import type { CurveGradients, CurveStep } from './curve.ts';
import { percent, shownJson } from './io.ts';
import { bracket } from './predict.ts';
import { headlinesOf, scoreText, wholeScores } from './scores.ts';

export interface ReportInput {
  readonly name: string;
  readonly result: palm.RecipeResult;
  readonly test: palm.Metrics;
  /** of the test part, by task */
  readonly mistakes: Readonly<Record<string, palm.Mistakes>>;
  readonly facts: { readonly seconds: number; readonly seed: number; readonly device: string };
  /** `step` events of the run */
  readonly steps: readonly CurveStep[];
  /** looks at the gradients of the tasks */
  readonly gradients: readonly CurveGradients[];
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
.mistakes td { text-align: left; vertical-align: top; max-width: 30rem; overflow-wrap: anywhere } .mistakes th { text-align: left }
.bar { min-width: 9rem }
.confusion td { text-align: center; padding: .15rem .4rem; border: 0 } .confusion th { font-weight: 400; font-size: .75rem }
.confusion th.column { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; padding: .4rem .15rem }`;

/** A cell of a table: its text, or more where it is not a plain one. */
type Cell = string | { readonly text: string; readonly tag?: 'th'; readonly attributes?: string };

function table(className: string, head: readonly Cell[], rows: readonly (readonly Cell[])[]): string {
  const print = (cell: Cell, usual: string): string => {
    const { text, tag = usual, attributes = '' } = typeof cell === 'string' ? { text: cell } : cell;
    return `<${tag}${attributes}>${escapeMarkup(text)}</${tag}>`;
  };
  const row = (cells: readonly Cell[], tag: string): string =>
    `<tr>${cells.map((cell) => print(cell, tag)).join('')}</tr>`;
  const body = rows.map((cells) => row(cells, 'td')).join('\n');
  return `<table class="${className}"><thead>${row(head, 'th')}</thead><tbody>\n${body}\n</tbody></table>`;
}

/** A line through a number of each event; there is none where it has none. */
const seriesOf = <E extends { readonly step: number }>(
  name: string,
  events: readonly E[],
  numberIn: (event: E) => number | null | undefined,
): Series => ({ name, points: events.map((event) => [event.step, numberIn(event) ?? Number.NaN]) });

function charts({ result, steps, gradients }: ReportInput): string {
  // where tasks alternate, a step has the loss of one of them
  const tasks = [...new Set(steps.flatMap((event) => Object.keys(event.losses)))];
  const losses = tasks.map((task) => seriesOf(task, steps, (event) => own(event.losses, task)));
  const scores = result.summary.history.flatMap(({ epoch, metrics }) =>
    wholeScores(metrics).flatMap(({ label, value, share }) =>
      share ? [[label, [epoch, value] as const] as const] : [],
    ),
  );
  const validation = [...grouped(scores)].map(([name, points]) => ({ name, points }));
  const rate = [seriesOf('rate', steps, (event) => event.rate)];
  const norm = [seriesOf('gradient norm', steps, (event) => event.gradientNorm)];
  return [
    lineChart(losses, { title: 'training loss by task', x: 'step', y: 'loss' }),
    lineChart(validation, { title: 'validation', x: 'epoch', y: 'fraction', from: 1, top: 1 }),
    lineChart(rate, { title: 'learning rate', x: 'step', y: 'rate' }),
    lineChart(norm, { title: 'gradient norm before clipping', x: 'step', y: 'norm' }),
    ...gradientCharts(gradients),
  ].join('\n');
}

/** How the gradients of the tasks compare on what they share. */
function gradientCharts(looks: readonly CurveGradients[]): string[] {
  const [first] = looks;
  if (first === undefined) return [];
  const norms = Object.keys(first.norms).map((task) =>
    seriesOf(task, looks, (look) => own(look.norms, task)),
  );
  const cosines = first.cosines.map(({ tasks }, i) =>
    seriesOf(tasks.join(' · '), looks, (look) => look.cosines[i]?.cosine),
  );
  return [
    lineChart(norms, { title: 'gradient norm by task, on what they share', x: 'step', y: 'norm' }),
    lineChart(cosines, { title: 'cosine of gradients: below 0 tasks conflict', x: 'step', y: 'cosine' }),
  ];
}

function epochTable({ result }: ReportInput): string {
  const { history, bestStep } = result.summary;
  const measured = history.find(({ metrics }) => metrics !== undefined);
  const labels = headlinesOf(measured?.metrics ?? {}).map(({ label }) => label);
  const rows = history.map(({ epoch, step, loss, metrics }) => {
    const scores = new Map(headlinesOf(metrics ?? {}).map((score) => [score.label, score]));
    const mark = step === bestStep ? ' ★' : '';
    return [`${epoch}${mark}`, loss.toFixed(4), ...labels.map((label) => scoreText(scores.get(label)))];
  });
  return `<div class="scroll plain">${table('', ['epoch', 'training loss', ...labels], rows)}</div>`;
}

const heading = (task: string, text: string): string => `<h2>${escapeMarkup(task)}: ${text}</h2>`;

function confusionTable(task: string, { labels, counts }: palm.metrics.ConfusionMatrix): string {
  const title = heading(task, 'confusion (rows: right label, columns: predicted)');
  const rows = counts.map((row, i): Cell[] => {
    const total = row.reduce((sum, count) => sum + count, 0);
    const cells = row.map((count, j): Cell => {
      if (count === 0) return '';
      const share = count / total;
      const color = i === j ? `rgba(61,139,64,${share * 0.7})` : `rgba(194,97,31,${Math.min(1, share * 2)})`;
      return { text: String(count), attributes: ` style="background:${color}"` };
    });
    return [{ text: labels[i] ?? '', tag: 'th' }, ...cells];
  });
  const head = labels.map((text) => ({ text, attributes: ' class="column"' }));
  return `${title}\n<div class="scroll">${table('confusion', ['', ...head], rows)}</div>`;
}

/** Scores of each slot type; the bar behind F1 shows it at a glance. */
function typeTable(task: string, types: readonly palm.metrics.TypeScore[]): string {
  const rows = [...types]
    .sort((a, b) => b.expected - a.expected || a.type.localeCompare(b.type))
    .map(({ type, precision, recall, f1, expected }): Cell[] => {
      const bar = `background:linear-gradient(90deg,#d6e6f5 ${percent(f1)}%,transparent 0)`;
      const marked = { text: percent(f1), attributes: ` class="bar" style="${bar}"` };
      return [type, percent(precision), percent(recall), marked, String(expected)];
    });
  const title = heading(task, 'by type, the most frequent first');
  return `${title}\n${table('types', ['type', 'precision', 'recall', 'F1', 'in the test part'], rows)}`;
}

const taskTables = (test: palm.Metrics): string[] =>
  Object.entries(test).flatMap(([task, value]) => {
    const { confusion, types }: Partial<palm.metrics.ClassScores & palm.metrics.EntityScores> = Object(value);
    const confusions = confusion ? [confusionTable(task, confusion)] : [];
    return types ? [...confusions, typeTable(task, types)] : confusions;
  });

/** Characters of a text in a table. */
const LONGEST = 400;
const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text);

/** Tags as brackets around the words that they are of; a class or a number as it is. */
function answerText(answer: unknown, words: unknown): string {
  if (typeof answer === 'string') return cut(answer);
  if (typeof answer === 'number') return String(Number(answer.toPrecision(4)));
  const isTagged = is.names.holds(answer) && is.names.holds(words) && answer.length <= words.length;
  if (isTagged) return cut(bracket(words, answer));
  return cut(is.names.holds(answer) ? answer.join(', ') : shownJson(answer));
}

/** The texts of an example. */
function exampleText(example: unknown): string {
  const { words, text, second }: Readonly<Record<string, unknown>> = Object(example);
  if (is.names.holds(words)) return cut(words.join(' '));
  const texts = [text, second].filter((one) => typeof one === 'string');
  return texts.length > 0 ? texts.map(cut).join(' · ') : cut(shownJson(example));
}

const mistakeTables = (mistakes: ReportInput['mistakes']): string[] =>
  Object.entries(mistakes).map(([task, { wrong, examples, worst }]) => {
    const rows = worst.map(({ example, gold, predicted }) => {
      const { words } = Object(example);
      return [exampleText(example), answerText(gold, words), answerText(predicted, words)];
    });
    const some = worst.length < wrong ? `, the worst ${worst.length} of them` : '';
    const title = heading(task, `${wrong} of ${examples} wrong in the test part${some}`);
    return rows.length === 0 ? title : title + table('mistakes', ['text', 'right', 'predicted'], rows);
  });

/** Which task had which steps, where there are several. */
function planDrawing({ result: { trainer } }: ReportInput): string[] {
  const { plan } = trainer;
  if (plan === undefined || plan.planned.size < 2) return [];
  const strip = stripChart([...plan.planned.keys()], plan.steps, (step) => plan.turn(step).task);
  const counts = [...plan.planned].map(([task, steps]) => `${escapeMarkup(task)} ${steps}`);
  return [
    `<h2>the plan: which task learns at which step</h2><div class="scroll plain">${strip}</div>`,
    `<p class="facts">steps: ${counts.join(', ')}</p>`,
  ];
}

/** The graph with as many scopes shown as find room. */
function drawing(graph: Graph): string {
  const foldedTo = (depth: number): string => toSvg(graph, { depth, parameters: false });
  return attempt(() => foldedTo(2), undefined) ?? attempt(() => foldedTo(1), undefined) ?? foldedTo(0);
}

/** The report of a run: one page that needs nothing else. */
export function reportPage(input: ReportInput): string {
  const { name, result, test, facts } = input;
  const { steps, history } = result.summary;
  const big = wholeScores(test).map(
    (score) => `<div>${scoreText(score)}<span>${escapeMarkup(score.label)}</span></div>`,
  );
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeMarkup(name)}</title><style>${STYLE}</style>`,
    `<h1>${escapeMarkup(name)}</h1>`,
    `<p class="facts">${steps} steps, ${history.at(-1)?.epoch ?? 0} epochs, ${facts.seconds.toFixed(0)} s on device ${escapeMarkup(facts.device)}, seed ${facts.seed}. Scores on the test part:</p>`,
    `<div class="big">${big.join('')}</div>`,
    `<div class="charts">${charts(input)}</div>`,
    `<h2>validation after each epoch</h2>${epochTable(input)}`,
    ...planDrawing(input),
    ...taskTables(test),
    ...mistakeTables(input.mistakes),
    `<h2>the graph that predicts</h2><div class="scroll">${drawing(result.trainer.prediction)}</div>`,
    '</html>\n',
  ].join('\n');
}
