import { relative } from 'node:path';
import pc from 'picocolors';
import { printPlace, type SourcePlace } from '../base/errors.ts';
import * as frond from '../index.ts';
import type { Given } from './commands.ts';
import { printLine, shown } from './io.ts';
import { shownSizes, sizesOf } from './run.ts';
import { subjectOf } from './subject.ts';

/** @throws FROND-R020, R021 as `chooseDevice` does, R028 for an invalid number of threads */
async function openDevice(text: string): Promise<frond.Device> {
  if (text === 'interpreter:f64') return frond.interpreterDevice({ precision: 'f64' });
  const threads = /^wasm:(\d+)$/.exec(text)?.[1];
  if (threads === undefined) return (await frond.chooseDevice(text)).device;
  return (await frond.chooseDevice('wasm', { wasm: { threads: Number(threads) } })).device;
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
  const { graph, weights } = await subjectOf(args.what, args.graph);
  frond.checkGraph(graph, frond.ops);
  const sizes = sizesOf(graph, args.sizes);
  const names = [args.first, args.second];
  const devices: frond.Device[] = [];
  try {
    for (const name of names) devices.push(await openDevice(name));
    const pair = devices as [frond.Device, frond.Device];
    const { seed, optimised, tolerance } = args;
    const own = weights && { weights: await weights() };
    const options = { ...own, sizes, seed, optimised, tolerance };
    const comparison = await frond.compareDevices(graph, pair, options);
    printLine(`${names.join(' and ')} at ${shownSizes(sizes) || 'fixed sizes'}`);
    printLine(comparisonText(comparison, names));
    return comparison.first === undefined ? 0 : 1;
  } finally {
    for (const device of devices) await device.close();
  }
}
