import { checkArguments } from '../base/arguments.ts';
import { evaluate, printShape } from '../base/dim.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { type Graph, irKind, type Node } from '../ir/graph.ts';
import { INITIALIZERS, type Initializer, isInitializer } from '../ir/initializer.ts';
import { GRADIENTS } from '../ops/update.ts';
import { requireFits, sideBySide } from './chunks.ts';
import { drawNormals, drawUniforms, type Stream } from './draws.ts';

/** Elements per block of an arena: every parameter starts on a block, so that per-block tables can tell groups apart. */
export const BLOCK = 256;

export interface ParameterEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly length: number;
  /** first element in each arena */
  readonly offset: number;
  readonly initializer: Initializer;
  /** whether an update changes it: others have no place in gradients and moments */
  readonly trained: boolean;
}

/** Where each parameter lies in the flat arenas: trained ones come first, so that what belongs to them has the same offsets. */
export interface ParameterLayout {
  readonly entries: ReadonlyMap<string, ParameterEntry>;
  /** padded length of the arena of parameters, a multiple of BLOCK */
  readonly elements: number;
  /** that of the arenas beside it (gradients, moments), which end with the trained parameters */
  readonly trained: number;
}

/** Parameters as a graph declares them, with the arena that it reads them from. */
export const parametersOf = ({ nodes }: Graph) =>
  Object.values(nodes)
    .filter(({ op }) => op === 'parameter')
    .map((node) => {
      const { name, arena = 'parameter' } = node.attributes;
      return { node, name: String(name), arena: String(arena) };
    });

/** Parameters that a graph changes, or leaves gradients of. */
export const trainedBy = ({ nodes }: Graph): string[] =>
  Object.values(nodes).flatMap(({ attributes: { parameters, [GRADIENTS]: gradients } }) =>
    [parameters, gradients].flatMap((names) => (Array.isArray(names) ? names.map(String) : [])),
  );

function entryOf(node: Node, name: string): Omit<ParameterEntry, 'offset' | 'trained'> {
  const type = defined(node.types[0], 'type of a parameter');
  const named = type.shape.find((dim) => typeof dim === 'string');
  if (named !== undefined) {
    const summary = `parameter ${name} has a dimension without a size: ${named}`;
    throw new FrondError('FROND-R002', summary, {
      place: node.source,
      hint: 'give parameters literal sizes',
    });
  }
  const shape = type.shape.map((dim) => evaluate(dim, {}));
  const { initializer = { kind: 'zeros' } } = node.attributes;
  return {
    name,
    shape,
    length: shape.reduce((x, y) => x * y, 1),
    // whether it is one is seen when values are drawn
    initializer: initializer as unknown as Initializer,
  };
}

/** @throws FROND-R003 when the parameter that `node` declares has another shape than `known`, which has its name */
export function requireSameShape(known: Pick<ParameterEntry, 'name' | 'shape'>, node: Node): void {
  const shape = printShape(node.types[0]?.shape ?? []);
  if (printShape(known.shape) === shape) return;
  const summary = `parameter ${known.name} is ${printShape(known.shape)} in one graph and ${shape} in another`;
  const hint = 'give one of them another name or scope';
  throw new FrondError('FROND-R003', summary, { place: node.source, hint });
}

/** One parameter behind the other, the trained ones first. */
function laidOut(parameters: Iterable<Omit<ParameterEntry, 'offset'>>, chunk?: number): ParameterLayout {
  const all = [...parameters];
  const count = all.filter(({ trained }) => trained).length;
  const known = all.sort((x, y) => Number(y.trained) - Number(x.trained));
  const lengths = known.map(({ length }) => Math.ceil(length / BLOCK) * BLOCK);
  const { offsets, words } = sideBySide(lengths, chunk);
  const entries = known.map((entry, i) => [entry.name, { ...entry, offset: offsets[i] ?? 0 }] as const);
  const trained = count === 0 ? 0 : (offsets[count - 1] ?? 0) + (lengths[count - 1] ?? 0);
  return { entries: new Map(entries), elements: words, trained };
}

/**
 * Lays out the parameters of one or several graphs that share them: those that an update of one of the graphs changes, then the
 * others, both in order of first appearance.
 * @throws FROND-R003 when two graphs declare one name with different shapes
 */
export function layoutParameters(graphs: readonly Graph[]): ParameterLayout {
  checkArguments('layoutParameters', { graphs: is.listOf(irKind, 'graphs') }, [graphs]);
  const entries = new Map<string, Omit<ParameterEntry, 'offset'>>();
  const trained = new Set(graphs.flatMap(trainedBy));
  for (const { node, name } of graphs.flatMap(parametersOf)) {
    const entry = entryOf(node, name);
    const known = entries.get(name);
    if (known === undefined) entries.set(name, { ...entry, trained: trained.has(name) });
    else requireSameShape(known, node);
  }
  return laidOut(entries.values());
}

/**
 * The same layout for a device that holds arenas in chunks of so many words: no parameter crosses into the next one.
 * @throws FROND-R025 for a parameter that no chunk holds
 */
export function chunkLayout(layout: ParameterLayout, chunk: number | undefined): ParameterLayout {
  if (chunk === undefined || layout.elements <= chunk) return layout;
  for (const { name, length } of layout.entries.values()) requireFits(`parameter ${name}`, length, chunk);
  return laidOut(layout.entries.values(), chunk);
}

function xavierLimit(shape: readonly number[]): number {
  const fanOut = shape.at(-1) ?? 1;
  return Math.sqrt(6 / ((shape.at(-2) ?? fanOut) + fanOut));
}

type Fill = (values: Float32Array, stream: Stream, number: number, shape: readonly number[]) => Float32Array;
/** How values are drawn; the number is the one that the initializer has. */
const FILL: Readonly<Record<Initializer['kind'], Fill>> = {
  zeros: (values) => values,
  ones: (values) => values.fill(1),
  constant: (values, _, value) => values.fill(value),
  normal: (values, stream, deviation) => drawNormals(values, stream, deviation, 1),
  truncatedNormal: (values, stream, deviation) => drawNormals(values, stream, deviation, 16),
  uniform: drawUniforms,
  xavier: (values, stream, _, shape) => drawUniforms(values, stream, xavierLimit(shape)),
};

/**
 * Initial values of a parameter: a pure function of seed, name and initialiser.
 * @throws FROND-S019 for an unknown initialiser, as an edited file may have
 */
export function initialValues(
  { name, length, initializer, shape }: ParameterEntry,
  seed: number,
): Float32Array {
  if (!isInitializer(initializer)) {
    const summary = `parameter ${name}: ${JSON.stringify(initializer)} is not an initializer`;
    throw new FrondError('FROND-S019', summary, {
      hint: `initializers are: ${Object.keys(INITIALIZERS).join(', ')}, each with its number`,
    });
  }
  const { kind } = initializer;
  const [setting = ''] = Object.keys(INITIALIZERS[kind]);
  const number = Number(own<unknown>(initializer, setting) ?? 0);
  return FILL[kind](new Float32Array(length), { seed, name }, number, shape);
}
