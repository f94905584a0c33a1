/** One line of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface ChartOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** fixed upper end of the y axis, such as 1 for fractions */
  readonly top?: number;
}

const COLORS = ['#2563a8', '#c2611f', '#3d8b40', '#8a4fb0', '#b23a48'];
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [520, 260, 46, 34, 30, 12];

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

const label = (value: number): string =>
  Math.abs(value) >= 10 ? value.toFixed(0) : Number(value.toPrecision(2)).toString();

/** A line chart as SVG text, without any library, so that a report is one file. */
export function lineChart(series: readonly Series[], options: ChartOptions): string {
  const points = series.flatMap(({ points: list }) => list).filter(([, y]) => Number.isFinite(y));
  const xs = points.map(([x]) => x);
  const [low, high] = [Math.min(0, ...xs), Math.max(1, ...xs)];
  const top = options.top ?? Math.max(1e-6, ...points.map(([, y]) => y)) * 1.05;
  const at = (x: number, y: number): string => {
    const px = LEFT + ((x - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
    const py = HEIGHT - BOTTOM - (Math.min(y, top) / top) * (HEIGHT - BOTTOM - TOP);
    return `${px.toFixed(1)} ${py.toFixed(1)}`;
  };
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const y = HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP);
    return `<path d="M${LEFT} ${y}H${WIDTH - RIGHT}" stroke="#dde3e9"/><text x="${LEFT - 6}" y="${y + 3}" text-anchor="end">${label(part * top)}</text>`;
  });
  const lines = series.map(({ points: list }, i) => {
    const path = list.map(([x, y], k) => `${k === 0 ? 'M' : 'L'}${at(x, y)}`).join('');
    return `<path d="${path}" fill="none" stroke="${COLORS[i % COLORS.length]}" stroke-width="1.6"/>`;
  });
  const legend = series.map(
    ({ name }, i) =>
      `<g transform="translate(${LEFT + 8 + i * 110} ${TOP - 6})"><path d="M0 -3H16" stroke="${COLORS[i % COLORS.length]}" stroke-width="2"/><text x="20">${escapeHtml(name)}</text></g>`,
  );
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" class="chart" role="img" aria-label="${escapeHtml(options.title)}">`,
    `<text x="${LEFT}" y="12" class="title">${escapeHtml(options.title)}</text>`,
    ...grid,
    ...lines,
    ...legend,
    `<text x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end">${escapeHtml(options.x)} ${label(high)}</text>`,
    `<text x="${LEFT}" y="${HEIGHT - 8}">${escapeHtml(options.y)}</text>`,
    '</svg>',
  ].join('\n');
}
