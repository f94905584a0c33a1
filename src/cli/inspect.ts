import { FrondError, palm, printGraph, toDot, toMermaid, toSvg } from '../index.ts';
import { checkRun } from './runFolder.ts';

export interface InspectArguments {
  readonly run: string;
  /** forward, step or prediction */
  readonly graph: string;
  readonly format: string;
  /** scopes deeper than this are folded; undefined: none */
  readonly depth: number | undefined;
  /** whether drawings show weights and constants too */
  readonly parameters: boolean;
}

const FORMATS = {
  text: (graph: palm.ModelRecord['forward'], _options?: object) => printGraph(graph),
  dot: toDot,
  mermaid: toMermaid,
  svg: toSvg,
} as const;
const GRAPHS = ['forward', 'step', 'prediction'] as const;

export const unknownChoice = (what: string, given: string, known: readonly string[]): FrondError =>
  new FrondError('FROND-U006', `there is no ${what} ${given}`, {
    hint: `choose one of: ${known.join(', ')}`,
  });

/** `frond inspect RUN`: the graphs that a run was made of. */
export async function inspect({ run, graph, format, depth, parameters }: InspectArguments): Promise<number> {
  const which = GRAPHS.find((name) => name === graph);
  if (which === undefined) throw unknownChoice('graph', graph, GRAPHS);
  if (!Object.hasOwn(FORMATS, format)) throw unknownChoice('format', format, Object.keys(FORMATS));
  checkRun(run);
  const record = await palm.loadModelRecord(run);
  const print = FORMATS[format as keyof typeof FORMATS];
  process.stdout.write(print(record[which], { depth, parameters }));
  return 0;
}
