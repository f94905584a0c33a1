import fc from 'fast-check';
import { expect, it } from 'vitest';
import { add, f32, graph, normal, sum, type Tensor } from '../../src/dsl/index.ts';
import {
  beginCopy,
  matchArena,
  pointOf,
  tensorsFile,
  tensorsIn,
  tensorsOn,
  writeTensors,
} from '../../src/palm/weights.ts';
import type { Device } from '../../src/runtime/device.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { layoutParameters } from '../../src/runtime/parameters.ts';
import { ModelState } from '../../src/runtime/state.ts';
import { PIECE } from '../../src/store/file.ts';
import { openSafetensors, storeFloats, writeSafetensors } from '../../src/store/safetensors.ts';
import { joined } from '../store/support/bytes.ts';
import { runs } from '../support/counts.ts';

/** A device whose memory is in chunks of so many words; no read may cross into the next one, or take more than 4 MiB. */
function chunked(inner: Device, chunkWords: number | undefined): Device {
  return {
    ...inner,
    ...(chunkWords === undefined ? {} : { chunkWords }),
    read: (location) => {
      const { offset, length } = location;
      expect(4 * length).toBeLessThanOrEqual(PIECE);
      if (chunkWords !== undefined && length > 0)
        expect(Math.floor(offset / chunkWords)).toBe(Math.floor((offset + length - 1) / chunkWords));
      return inner.read(location);
    },
  };
}

const layoutOf = (sizes: readonly number[]) =>
  layoutParameters([
    graph('sizes', (g) => {
      const sums = sizes.map(
        (size, i): Tensor<'f32', []> => sum(g.parameter(`p${i}`, f32, [size], normal(1)), 0),
      );
      return { y: sums.reduce((x, y) => add(x, y)) };
    }).ir,
  ]);

async function stateOf(sizes: readonly number[], device: Device): Promise<ModelState> {
  const state = new ModelState(device, layoutOf(sizes));
  await state.initialize(3);
  return state;
}

/** The file of all weights, from each parameter by itself. */
async function wholeFile(state: ModelState): Promise<Uint8Array> {
  const stored = [...state.layout.entries.values()].map(async ({ name, shape }) => {
    return [name, storeFloats(await state.read(name), shape)] as const;
  });
  const metadata = new Map([['format', 'frond']]);
  return writeSafetensors({ tensors: new Map(await Promise.all(stored)), metadata });
}

const same = (x: Uint8Array, y: Uint8Array): boolean => Buffer.from(x).equals(y);

const sizes = fc.array(fc.nat(1500), { minLength: 1, maxLength: 12 });
const chunk = fc.constantFrom(undefined, 2048, 4096);
const precision = fc.constantFrom('f32' as const, 'f64' as const);

it('an arena is the same file in windows, from a copy, and after it went to another device and back', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, chunk, precision, async (lengths, chunkWords, precision) => {
      const state = await stateOf(lengths, chunked(interpreterDevice({ precision }), chunkWords));
      const wanted = await wholeFile(state);
      const file = await joined(tensorsFile({ parameter: tensorsOn(state, 'parameter') }));
      expect(same(file, wanted)).toBe(true);

      const copy = await (await beginCopy(state, 5)).copy;
      const values = tensorsIn(state.layout, copy.arenas.get('parameter') ?? new Map());
      expect(same(await joined(tensorsFile({ parameter: values })), wanted)).toBe(true);

      const source = {
        size: file.length,
        read: async (begin?: number, end?: number) => file.slice(begin, end),
      };
      const { tensors } = await openSafetensors(source, 'x');
      for (const restore of [
        (next: ModelState) => writeTensors(next, matchArena(next.layout, { file: 'x', tensors }).tensors),
        pointOf(copy).restore,
      ]) {
        const next = new ModelState(interpreterDevice(), layoutOf(lengths));
        await restore(next);
        expect(same(await wholeFile(next), wanted)).toBe(true);
      }
    }),
    { numRuns: runs(300, 30), seed: 11 },
  );
});

it('a parameter of more than 4 MiB is read and written in parts', async () => {
  const lengths = [3, PIECE / 4 + 1000, 7];
  const state = await stateOf(lengths, interpreterDevice());
  const wanted = await wholeFile(state);
  const other = new ModelState(chunked(interpreterDevice(), undefined), layoutOf(lengths));
  await writeTensors(other, tensorsOn(state, 'parameter'));
  expect(same(await joined(tensorsFile({ parameter: tensorsOn(other, 'parameter') })), wanted)).toBe(true);
});
