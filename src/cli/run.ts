import { existsSync, statSync } from 'node:fs';
import { ARENA_BLOCKS, type Sizes } from '../base/dim.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import * as frond from '../index.ts';
import { dimensionsOf } from '../runtime/exampleFeeds.ts';
import { BLOCK } from '../runtime/parameters.ts';
import { schedulesOf } from '../runtime/schedules.ts';
import { LARGEST } from './arguments.ts';
import type { Given } from './commands.ts';
import { shownPairs } from './io.ts';
import { subjectOf } from './subject.ts';

/** @throws FROND-U007 when `run` is no folder, before anything looks for checkpoints in it */
export function checkRun(run: string): void {
  if (existsSync(run) && statSync(run).isDirectory()) return;
  throw new FrondError('FROND-U007', `${existsSync(run) ? 'not a folder:' : 'there is no folder'} ${run}`, {
    hint: 'give the folder that frond train printed at its end, such as outputs/joint',
  });
}

/** The graphs of the newest checkpoint of a run. */
export async function loadRun(run: string): Promise<frond.palm.ModelRecord> {
  checkRun(run);
  return frond.palm.loadModelRecord(run);
}

/** Size of a named dimension where none is given. */
const USUAL_SIZE = 32;

/** @throws FROND-U015 for what is not a list of the graph's dimensions */
export function sizesOf(graph: frond.Graph, text: string | undefined): Record<string, number> {
  const names = dimensionsOf(graph);
  const refused = (fault: string): FrondError => {
    const example = names.map((each) => `${each}=${USUAL_SIZE}`).join(',');
    const dimensions = `its dimensions are ${names.join(', ')}: --sizes ${example}`;
    const hint = names.length === 0 ? 'it has no named dimensions: leave --sizes out' : dimensions;
    return new FrondError('FROND-U015', `--sizes: ${fault}`, { hint });
  };
  const sizes = Object.fromEntries(names.map((name) => [name, USUAL_SIZE]));
  for (const part of text?.split(',') ?? []) {
    const [, name, size] = /^\s*([^=]+)=(\d+)\s*$/.exec(part) ?? [];
    if (name === undefined) throw refused(`"${part}" is not NAME=SIZE, such as batch=32`);
    if (!names.includes(name)) throw refused(`the graph ${graph.name} has no dimension ${name}`);
    if (!is.count.holds(Number(size))) throw refused(`${name} is ${size}, not from 1 to ${LARGEST}`);
    sizes[name] = Number(size);
  }
  return sizes;
}

/** `batch 32, time 24` */
export const shownSizes = (sizes: Sizes): string => shownPairs(Object.entries(sizes));

type Options = Pick<Given<'inspect'>, 'depth' | 'parameters' | 'sizes'>;

/** What the graph will cost on the device `wasm`, beside what it would without fusion. */
function report(graph: frond.Graph, { sizes: given }: Options): string {
  const sizes = sizesOf(graph, given);
  const blocks = frond.layoutParameters([graph]).trained / BLOCK;
  const bound = { ...sizes, [ARENA_BLOCKS]: blocks };
  const found = frond.reportFusion(graph, frond.ops, bound, schedulesOf('wasm'));
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

/** `frond inspect WHAT`: the graphs that a run was made of, those of a module, or one that was printed. */
export async function inspect({ what, graph: name, format, ...options }: Given<'inspect'>): Promise<number> {
  const { graph } = await subjectOf(what, name);
  frond.checkGraph(graph, frond.ops);
  process.stdout.write(PRINT[format](graph, options));
  return 0;
}
