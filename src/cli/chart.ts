import { escapeMarkup } from '../base/shown.ts';

type Point = readonly [x: number, y: number];

/** One line of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

export interface ChartOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** where the x axis begins; default 0 */
  readonly from?: number;
  /** fixed upper end of the y axis, such as 1 for fractions */
  readonly top?: number;
}

const COLORS = ['#2563a8', '#c2611f', '#3d8b40', '#8a4fb0', '#b23a48'];
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [520, 260, 46, 34, 40, 12];

const label = (value: number): string => {
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-3) return value.toExponential(0);
  return Number(value.toPrecision(3)).toString();
};

/** About `count` round numbers (1, 2, 2.5 or 5 times a power of ten apart) from `low` to at least `high`. */
export function ticks(low: number, high: number, count: number, whole = false): number[] {
  const rough = Math.max((high - low) / count, whole ? 1 : Number.EPSILON);
  const power = 10 ** Math.floor(Math.log10(rough));
  const units = whole ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10];
  const step = power * (units.find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** Numbers below an axis. */
const columnTicks = (places: readonly number[], atX: (x: number) => string, y: number): string[] =>
  places.map((x) => `<text x="${atX(x)}" y="${y}" text-anchor="middle">${label(x)}</text>`);

/** A drawing for the report; where it cannot be seen, its title stands for it. */
const drawing = (width: number, height: number, title: string, lines: readonly string[]): string =>
  [
    `<svg viewBox="0 0 ${width} ${height}" class="chart" role="img" aria-label="${escapeMarkup(title)}">`,
    ...lines,
    '</svg>',
  ].join('\n');

/** A line chart as SVG text, without any library, so that a report is one file. */
export function lineChart(series: readonly Series[], options: ChartOptions): string {
  const lines = series.map(({ points }) => points.filter(([, y]) => Number.isFinite(y)));
  // a long run has more points than a call may have arguments
  const points = lines.flat();
  const low = points.reduce((least, [x]) => Math.min(least, x), options.from ?? 0);
  const high = points.reduce((most, [x]) => Math.max(most, x), 1);
  const least = points.reduce((least, [, y]) => Math.min(least, y), 0);
  const most = points.reduce((most, [, y]) => Math.max(most, y), 1e-6);
  const rows = ticks(least, options.top ?? most, 4);
  const columns = ticks(low, high, 6, true).filter((x) => x >= low && x <= high);
  const [bottom = 0, top = 1] = [rows[0], rows.at(-1)];
  const atX = (x: number): string =>
    (LEFT + ((x - low) / Math.max(high - low, 1e-9)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const heightOf = (y: number): number =>
    HEIGHT - BOTTOM - ((Math.min(y, top) - bottom) / (top - bottom)) * (HEIGHT - BOTTOM - TOP);
  return drawing(WIDTH, HEIGHT, options.title, [
    `<text x="${LEFT}" y="12" class="title">${escapeMarkup(options.title)}</text>`,
    ...rows.map((y) => {
      const [at, textAt] = [heightOf(y).toFixed(1), (heightOf(y) + 3).toFixed(1)];
      return `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#e4e9ee"/><text x="${LEFT - 6}" y="${textAt}" text-anchor="end">${label(y)}</text>`;
    }),
    ...columnTicks(columns, atX, HEIGHT - BOTTOM + 14),
    ...lines.map((points, i) => {
      const places = points.map(([x, y]) => [atX(x), heightOf(y).toFixed(1)] as const);
      return line(places, colorOf(i));
    }),
    ...legendOf(series),
    `<text x="${WIDTH - RIGHT}" y="${HEIGHT - 4}" text-anchor="end">${escapeMarkup(options.x)}</text>`,
    `<text x="${LEFT}" y="${HEIGHT - 4}">${escapeMarkup(options.y)}</text>`,
  ]);
}

const colorOf = (i: number): string => COLORS[i % COLORS.length] ?? 'black';

/** Few points are also shown as dots: a line of one point would be invisible. */
function line(places: readonly (readonly [x: string, y: string])[], color: string): string {
  const path = places.map(([x, y], k) => `${k === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  const dots = places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="2.4" fill="${color}"/>`);
  const shown = places.length > 24 ? '' : dots.join('');
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.6"/>${shown}`;
}

/** Names of the lines, in a row; a single line is named by the title. */
function legendOf(series: readonly Series[]): string[] {
  if (series.length < 2) return [];
  let x = LEFT;
  return series.map(({ name }, i) => {
    const entry = `<g transform="translate(${x} 26)"><path d="M0 -3H14" stroke="${colorOf(i)}" stroke-width="2"/><text x="18">${escapeMarkup(name)}</text></g>`;
    x += 34 + 5.6 * name.length;
    return entry;
  });
}

/** Most columns of a strip, and most steps of one that are looked at. */
const [COLUMNS, SAMPLES] = [400, 32];

/**
 * A row for each name, and in it which of the `steps` it has, as SVG text. Where there are more steps than columns, a column stands
 * for several ones: the more of them a name has, the darker it is there.
 */
export function stripChart(
  names: readonly string[],
  steps: number,
  nameAt: (step: number) => string,
): string {
  const [left, height, width] = [110, 18, 2 * WIDTH];
  const each = Math.ceil(steps / COLUMNS);
  const atX = (step: number): number => left + (step / steps) * (width - left - RIGHT);
  const apart = Math.ceil(each / SAMPLES);
  const cells = Array.from({ length: Math.ceil(steps / each) }, (_, column) => {
    const [from, to] = [column * each, Math.min((column + 1) * each, steps)];
    const looked = Array.from({ length: Math.ceil((to - from) / apart) }, (_, i) => nameAt(from + i * apart));
    const place = `x="${atX(from).toFixed(1)}" width="${(atX(to) - atX(from)).toFixed(2)}" height="${height - 2}"`;
    return names.map((name, i) => {
      const share = looked.filter((one) => one === name).length / looked.length;
      const color = `fill="${colorOf(i)}" fill-opacity="${share.toFixed(2)}"`;
      return share === 0 ? '' : `<rect y="${i * height + 1}" ${place} ${color}/>`;
    });
  });
  const bottom = names.length * height;
  const columns = ticks(0, steps, 8, true).filter((step) => step <= steps);
  return drawing(width, bottom + 18, 'the plan of steps', [
    ...names.map((name, i) => {
      const shown = name.length > 18 ? `${name.slice(0, 17)}…` : name;
      return `<text y="${i * height + 13}">${escapeMarkup(shown)}</text>`;
    }),
    ...cells.flat().filter((cell) => cell !== ''),
    ...columnTicks(columns, (step) => atX(step).toFixed(1), bottom + 13),
  ]);
}
