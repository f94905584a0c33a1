import { fillNearNormals, fillUniforms, NEAR, normal } from '../base/random.ts';

/** Draws made at once: few enough that they stay in the nearest caches. */
const AT_ONCE = 512;

const block = (): Float64Array => new Float64Array(AT_ONCE);

/** A stream of random numbers, one for each index. */
export interface Stream {
  readonly seed: number;
  readonly name: string;
}

/** The indices 0, `stride`, 2 · `stride`, … of as many elements as there are, a block at a time, with the block's first element. */
function* blocksOf(length: number, stride: number): Generator<readonly [Float64Array, number]> {
  const indices = block();
  for (let first = 0; first < length; first += AT_ONCE) {
    const some = indices.subarray(0, length - first);
    for (let i = 0; i < some.length; i++) some[i] = (first + i) * stride;
    yield [some, first];
  }
}

/** Fills `values` with draws that are uniform in [−`limit`, `limit`): of element i the first of the pair of index i. */
export function drawUniforms(values: Float32Array, { seed, name }: Stream, limit: number): Float32Array {
  const [draws, scratch] = [block(), block()];
  for (const [indices, first] of blocksOf(values.length, 1)) {
    fillUniforms(seed, name, indices, draws, scratch);
    for (let i = 0; i < indices.length; i++) values[first + i] = limit * (2 * (draws[i] as number) - 1);
  }
  return values;
}

/**
 * Fills `values` with `deviation` times normal draws: of element i the first within two deviations among those of the `attempts`
 * indices from i · `attempts` on; with one attempt, that one. The values are those of `normal`, bit for bit: rounding to f32 keeps
 * order, so where both ends of what is `NEAR` a draw are rounded to one number, all between them is; elsewhere `normal` is asked.
 */
export function drawNormals(
  values: Float32Array,
  { seed, name }: Stream,
  deviation: number,
  attempts: number,
): Float32Array {
  const [draws, next, drawn, scratch] = [block(), block(), block(), block()];
  /** Whether the draw of an index, known within `NEAR`, lies within two deviations. */
  const isInside = (draw: number, index: number): boolean => {
    const beyond = Math.abs(draw) - 2;
    return Math.abs(beyond) > NEAR ? beyond < 0 : Math.abs(normal(seed, name, index)) <= 2;
  };
  /**
   * Replaces the draws that do not lie within two deviations by those of the next index, as long as there are attempts; of the last
   * one it does not ask that (probability 5e-22 for 16). `indices` gets the indices of the draws that were taken.
   */
  const redraw = (indices: Float64Array): void => {
    const places: number[] = [];
    for (let i = 0; i < indices.length; i++)
      if (!isInside(draws[i] as number, indices[i] as number)) places.push(i);
    for (let attempt = 1; attempt < attempts && places.length > 0; attempt++) {
      for (let i = 0; i < places.length; i++) next[i] = (indices[places[i] as number] as number) + 1;
      fillNearNormals(seed, name, next.subarray(0, places.length), drawn, scratch);
      let left = 0;
      for (let i = 0; i < places.length; i++) {
        const place = places[i] as number;
        indices[place] = next[i] as number;
        draws[place] = drawn[i] as number;
        if (!isInside(draws[place] as number, indices[place] as number)) places[left++] = place;
      }
      places.length = left;
    }
  };
  for (const [indices, first] of blocksOf(values.length, attempts)) {
    fillNearNormals(seed, name, indices, draws, scratch);
    if (attempts > 1) redraw(indices);
    for (let i = 0; i < indices.length; i++) {
      const draw = draws[i] as number;
      const low = Math.fround(deviation * (draw - NEAR));
      const high = Math.fround(deviation * (draw + NEAR));
      values[first + i] = Object.is(low, high) ? low : deviation * normal(seed, name, indices[i] as number);
    }
  }
  return values;
}
