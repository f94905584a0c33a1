import { ARENA_BLOCKS } from '../base/dim.ts';
import {
  FrondError,
  type Graph,
  layoutParameters,
  ops,
  palm,
  printFusion,
  printGraph,
  reportFusion,
  toDot,
  toMermaid,
  toSvg,
} from '../index.ts';
import { BLOCK } from '../runtime/parameters.ts';
import { schedulesOf } from '../runtime/schedules/index.ts';
import { checkRun } from './runFolder.ts';
import { shownSizes, sizesOf } from './sizes.ts';

export interface InspectArguments {
  readonly run: string;
  /** forward, step or prediction */
  readonly graph: string;
  readonly format: string;
  /** scopes deeper than this are folded; undefined: none */
  readonly depth: number | undefined;
  /** whether drawings show weights and constants too */
  readonly parameters: boolean;
  /** of the report, such as batch=32,time=24 */
  readonly sizes: string | undefined;
}

type Options = Pick<InspectArguments, 'depth' | 'parameters' | 'sizes'>;

/** What the graph will cost on the device `wasm`, beside what it would without fusion. */
function report(graph: Graph, { sizes: given }: Options): string {
  const sizes = sizesOf(graph, given);
  const blocks = layoutParameters([graph]).elements / BLOCK;
  const found = reportFusion(graph, ops, { ...sizes, [ARENA_BLOCKS]: blocks }, schedulesOf('wasm'));
  return `${graph.name} at ${shownSizes(sizes)}\n${printFusion(found)}\n`;
}

const drawing =
  (draw: typeof toDot) =>
  (graph: Graph, { depth, parameters }: Options): string =>
    draw(graph, { depth, parameters });

const FORMATS = {
  text: (graph: Graph, _options: Options) => printGraph(graph),
  dot: drawing(toDot),
  mermaid: drawing(toMermaid),
  svg: drawing(toSvg),
  report,
} as const;
const GRAPHS = ['forward', 'step', 'prediction'] as const;

export const unknownChoice = (what: string, given: string, known: readonly string[]): FrondError =>
  new FrondError('FROND-U006', `there is no ${what} ${given}`, {
    hint: `choose one of: ${known.join(', ')}`,
  });

/** @throws FROND-U006 for what is no graph of a run */
export function graphName(name: string): (typeof GRAPHS)[number] {
  const found = GRAPHS.find((known) => known === name);
  if (found === undefined) throw unknownChoice('graph', name, GRAPHS);
  return found;
}

/** `frond inspect RUN`: the graphs that a run was made of. */
export async function inspect({ run, graph, format, ...options }: InspectArguments): Promise<number> {
  const which = graphName(graph);
  if (!Object.hasOwn(FORMATS, format)) throw unknownChoice('format', format, Object.keys(FORMATS));
  checkRun(run);
  const record = await palm.loadModelRecord(run);
  const print = FORMATS[format as keyof typeof FORMATS];
  process.stdout.write(print(record[which], options));
  return 0;
}
