import { evaluate, printShape } from '../base/dim.ts';
import { defined, FrondError } from '../base/errors.ts';
import { fillNormals, fillUniforms } from '../base/random.ts';
import type { Initializer } from '../dsl/initializer.ts';
import type { Attribute, Graph, Node } from '../ir/graph.ts';
import { fitInChunk, requireFits } from './chunks.ts';

/** Elements per block of an arena: every parameter starts on a block, so that per-block tables can tell groups apart. */
export const BLOCK = 256;

export interface ParameterEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly length: number;
  /** first element in each arena */
  readonly offset: number;
  readonly initializer: Initializer;
  readonly trainable: boolean;
}

/** Where each parameter lies in the flat arenas (parameter, gradient, moments), which all share it. */
export interface ParameterLayout {
  readonly entries: ReadonlyMap<string, ParameterEntry>;
  /** padded length of an arena, a multiple of BLOCK */
  readonly elements: number;
}

const asInitializer = (attribute: Attribute | undefined): Initializer =>
  (attribute ?? { kind: 'zeros' }) as unknown as Initializer;

function entryOf(node: Node, offset: number): ParameterEntry {
  const type = defined(node.types[0], 'type of a parameter');
  const named = type.shape.find((dim) => typeof dim === 'string');
  if (named !== undefined) {
    throw new FrondError(
      'FROND-R002',
      `parameter ${node.attributes.name} has a dimension without a size: ${named}`,
      {
        place: node.source,
        hint: 'give parameters literal sizes',
      },
    );
  }
  const shape = type.shape.map((dim) => evaluate(dim, {}));
  return {
    name: String(node.attributes.name),
    shape,
    length: shape.reduce((x, y) => x * y, 1),
    offset,
    initializer: asInitializer(node.attributes.initializer),
    trainable: node.attributes.trainable !== false,
  };
}

/** @throws FROND-R003 when the parameter that `node` declares has another shape than `known`, which has its name */
export function requireSameShape(known: ParameterEntry, node: Node): void {
  const shape = printShape(node.types[0]?.shape ?? []);
  if (printShape(known.shape) === shape) return;
  throw new FrondError(
    'FROND-R003',
    `parameter ${known.name} is ${printShape(known.shape)} in one graph and ${shape} in another`,
    { place: node.source, hint: 'give one of them another name or scope' },
  );
}

/**
 * Lays out the parameters of one or several graphs that share them, in order of first appearance.
 * @throws FROND-R003 when two graphs declare one name with different shapes
 */
export function layoutParameters(graphs: readonly Graph[]): ParameterLayout {
  const entries = new Map<string, ParameterEntry>();
  let offset = 0;
  for (const node of graphs.flatMap((graph) => Object.values(graph.nodes))) {
    if (node.op !== 'parameter') continue;
    const entry = entryOf(node, offset);
    const known = entries.get(entry.name);
    if (known === undefined) {
      entries.set(entry.name, entry);
      offset += Math.ceil(entry.length / BLOCK) * BLOCK;
    } else requireSameShape(known, node);
  }
  return { entries, elements: offset };
}

/**
 * The same layout for a device that holds arenas in chunks of so many words: no parameter crosses into the next one.
 * @throws FROND-R025 for a parameter that no chunk holds
 */
export function chunkLayout(layout: ParameterLayout, chunk: number | undefined): ParameterLayout {
  if (chunk === undefined || layout.elements <= chunk) return layout;
  let end = 0;
  const entries = [...layout.entries.values()].map((entry) => {
    requireFits(`parameter ${entry.name}`, entry.length, chunk);
    const words = Math.ceil(entry.length / BLOCK) * BLOCK;
    const offset = fitInChunk(end, words, chunk);
    end = offset + words;
    return { ...entry, offset };
  });
  return { entries: new Map(entries.map((entry) => [entry.name, entry])), elements: end };
}

function xavierLimit(shape: readonly number[]): number {
  const fanIn = shape.at(-2) ?? shape.at(-1) ?? 1;
  const fanOut = shape.at(-1) ?? 1;
  return Math.sqrt(6 / (fanIn + fanOut));
}

/** Draws made at once: few enough that they stay in the nearest cache. */
const AT_ONCE = 512;

const block = (): Float64Array => new Float64Array(AT_ONCE);

/** Leaves a draw for each of the indices; all three have room for `AT_ONCE`. */
type Fill = (indices: Float64Array, draws: Float64Array, scratch: Float64Array) => void;

/** The first of 16 normal draws for each index that lies within two deviations, else 0 (probability 5e-22). */
function fillTruncated(fillNormal: Fill): Fill {
  const [places, attempts, redrawn] = [block(), block(), block()];
  return (indices, draws, scratch) => {
    let open = indices.length;
    for (let i = 0; i < open; i++) {
      places[i] = i;
      attempts[i] = 16 * (indices[i] as number);
    }
    for (let attempt = 0; attempt < 16 && open > 0; attempt++) {
      fillNormal(attempts.subarray(0, open), redrawn, scratch);
      let left = 0;
      for (let i = 0; i < open; i++) {
        const place = places[i] as number;
        const draw = redrawn[i] as number;
        const inside = Math.abs(draw) <= 2;
        draws[place] = inside ? draw : 0;
        if (inside) continue;
        places[left] = place;
        attempts[left++] = (attempts[i] as number) + 1;
      }
      open = left;
    }
  };
}

/** Initial values of a parameter: a pure function of seed, name and initialiser. */
export function initialValues(entry: ParameterEntry, seed: number): Float32Array {
  const { name, length, initializer, shape } = entry;
  const values = new Float32Array(length);
  /** of numbers drawn for each element */
  const multiplesOf = (fill: Fill, factor: number): Float32Array => {
    const [indices, draws, scratch] = [block(), block(), block()];
    for (let first = 0; first < length; first += AT_ONCE) {
      const count = Math.min(AT_ONCE, length - first);
      for (let i = 0; i < count; i++) indices[i] = first + i;
      fill(indices.subarray(0, count), draws, scratch);
      for (let i = 0; i < count; i++) values[first + i] = factor * (draws[i] as number);
    }
    return values;
  };
  const normal: Fill = (...given) => fillNormals(seed, name, ...given);
  const uniform: Fill = (indices, draws, scratch) => {
    fillUniforms(seed, name, indices, draws, scratch);
    for (let i = 0; i < indices.length; i++) draws[i] = 2 * (draws[i] as number) - 1;
  };
  switch (initializer.kind) {
    case 'zeros':
      return values;
    case 'ones':
      return values.fill(1);
    case 'constant':
      return values.fill(initializer.value);
    case 'normal':
      return multiplesOf(normal, initializer.deviation);
    case 'truncatedNormal':
      return multiplesOf(fillTruncated(normal), initializer.deviation);
    case 'uniform':
      return multiplesOf(uniform, initializer.limit);
    case 'xavier':
      return multiplesOf(uniform, xavierLimit(shape));
  }
}
