import { existsSync, statSync } from 'node:fs';
import { extname, relative } from 'node:path';
import pc from 'picocolors';
import { platform } from '#platform';
import { defined, FrondError, printPlace, type SourcePlace } from '../base/errors.ts';
import * as frond from '../index.ts';
import { type GraphLike, graphKind, irOf } from '../ir/graph.ts';
import { latestOf } from '../palm/predictor.ts';
import { chosen } from './arguments.ts';
import { type Given, GRAPHS } from './commands.ts';
import { printLine, shown } from './io.ts';
import { loadModule } from './recipe.ts';
import { shownSizes, sizesOf } from './run.ts';

/** @throws FROND-R020, R021 as `chooseDevice` does, R028 for an invalid number of threads */
async function openDevice(text: string): Promise<frond.Device> {
  if (text === 'interpreter:f64') return frond.interpreterDevice({ precision: 'f64' });
  const threads = /^wasm:(\d+)$/.exec(text)?.[1];
  if (threads === undefined) return (await frond.chooseDevice(text)).device;
  return (await frond.chooseDevice('wasm', { wasm: { threads: Number(threads) } })).device;
}

interface Subject {
  readonly graph: frond.Graph;
  readonly weights?: ReadonlyMap<string, ArrayLike<number>>;
}

async function graphOfRun(folder: string, name = 'forward'): Promise<Subject> {
  const which = chosen('graph', name, GRAPHS);
  const graph = (await frond.palm.loadModelRecord(folder))[which];
  const { files } = await latestOf(folder);
  const file = 'weights.safetensors';
  const { tensors } = frond.readSafetensors(await defined(files.get(file), file).read(), file);
  const values = [...tensors].map(([name, tensor]) => [name, frond.floatsOf(tensor, name, file)] as const);
  return { graph, weights: new Map(values) };
}

async function graphOfModule(file: string, name: string | undefined): Promise<Subject> {
  const exported = Object.entries(await loadModule(file));
  const graphs = new Map(exported.filter((each): each is [string, GraphLike] => graphKind.holds(each[1])));
  const names = [...graphs.keys()];
  const [first] = names;
  if (first === undefined) {
    throw new FrondError('FROND-U017', `${file} exports no graph`, {
      place: { file },
      hint: "export const model = graph('model', (g) => …)",
    });
  }
  if (name === undefined && names.length > 1) {
    throw new FrondError('FROND-U019', `${file} exports ${names.length} graphs`, {
      place: { file },
      hint: `choose one: ${names.map((each) => `--graph ${each}`).join(', ')}`,
    });
  }
  const which = chosen('graph', name ?? first, names);
  return { graph: irOf(defined(graphs.get(which), which)) };
}

const MODULES: readonly string[] = ['.ts', '.mts', '.js', '.mjs'];

/** @throws FROND-U018 where there is nothing, and whatever reading it throws */
async function subjectOf({ what, graph }: Given<'compare'>): Promise<Subject> {
  if (!existsSync(what)) {
    throw new FrondError('FROND-U018', `there is no ${what}`, {
      hint: 'give the folder of a run, a module that exports a graph, or a file that frond inspect printed',
    });
  }
  if (statSync(what).isDirectory()) return graphOfRun(what, graph);
  if (MODULES.includes(extname(what))) return graphOfModule(what, graph);
  return { graph: frond.parseGraph(await platform.files.readText(what), what) };
}

/** A line of the user's code, as seen from the working folder where it lies below that. */
function shownPlace(place: SourcePlace): string {
  const below = relative(process.cwd(), place.file);
  return printPlace(below.startsWith('..') ? place : { ...place, file: below });
}

const short = (value: number): string => (Number.isFinite(value) ? value.toPrecision(9) : String(value));

function describe(difference: frond.Difference, names: readonly string[]): string {
  const { node, op, place, shape, index, values, size } = difference;
  const where = place === undefined ? '' : ` (${shownPlace(place)})`;
  return [
    `${pc.bold(shown(node))}${shown(where)}`,
    `  ${op}, shape [${shape.join(', ')}]`,
    `  at [${index.join(', ')}]: ${short(values[0])} on ${names[0]}, ${short(values[1])} on ${names[1]}`,
    `  ${size.toExponential(1)} of the largest element`,
  ].join('\n');
}

/** What `frond compare` prints. */
export function comparisonText(comparison: frond.Comparison, names: readonly string[]): string {
  const { nodes, tolerance, first, largest } = comparison;
  if (first !== undefined) {
    return `${nodes} nodes; the first to differ by more than ${tolerance}:\n${describe(first, names)}`;
  }
  const most =
    largest === undefined ? 'all are equal' : `the largest difference:\n${describe(largest, names)}`;
  return `${nodes} nodes agree within ${tolerance}; ${most}`;
}

/** `frond compare A B WHAT`: 0 where all nodes agree, 1 where one does not. */
export async function compare(args: Given<'compare'>): Promise<number> {
  const { graph, ...weights } = await subjectOf(args);
  frond.checkGraph(graph, frond.ops);
  const sizes = sizesOf(graph, args.sizes);
  const names = [args.first, args.second];
  const devices: frond.Device[] = [];
  try {
    for (const name of names) devices.push(await openDevice(name));
    const pair = devices as [frond.Device, frond.Device];
    const { seed, optimised, tolerance } = args;
    const options = { ...weights, sizes, seed, optimised, tolerance };
    const comparison = await frond.compareDevices(graph, pair, options);
    printLine(`${names.join(' and ')} at ${shownSizes(sizes) || 'fixed sizes'}`);
    printLine(comparisonText(comparison, names));
    return comparison.first === undefined ? 0 : 1;
  } finally {
    for (const device of devices) await device.close();
  }
}
