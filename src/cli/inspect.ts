import { ARENA_BLOCKS } from '../base/dim.ts';
import * as frond from '../index.ts';
import { BLOCK } from '../runtime/parameters.ts';
import { schedulesOf } from '../runtime/schedules.ts';
import type { Given } from './commands.ts';
import { loadRun, shownSizes, sizesOf } from './run.ts';

type Options = Pick<Given<'inspect'>, 'depth' | 'parameters' | 'sizes'>;

/** What the graph will cost on the device `wasm`, beside what it would without fusion. */
function report(graph: frond.Graph, { sizes: given }: Options): string {
  const sizes = sizesOf(graph, given);
  const blocks = frond.layoutParameters([graph]).trained / BLOCK;
  const found = frond.reportFusion(
    graph,
    frond.ops,
    { ...sizes, [ARENA_BLOCKS]: blocks },
    schedulesOf('wasm'),
  );
  return `${graph.name} at ${shownSizes(sizes)}\n${frond.printFusion(found)}\n`;
}

const drawing =
  (draw: typeof frond.toDot) =>
  (graph: frond.Graph, { depth, parameters }: Options): string =>
    draw(graph, { depth, parameters });

const PRINT: Readonly<Record<Given<'inspect'>['format'], (graph: frond.Graph, options: Options) => string>> =
  {
    text: (graph) => frond.printGraph(graph),
    dot: drawing(frond.toDot),
    mermaid: drawing(frond.toMermaid),
    svg: drawing(frond.toSvg),
    report,
  };

/** `frond inspect RUN`: the graphs that a run was made of. */
export async function inspect({ run, graph, format, ...options }: Given<'inspect'>): Promise<number> {
  const record = await loadRun(run);
  process.stdout.write(PRINT[format](record[graph], options));
  return 0;
}
