import { atAxis, get, type Reference, type Tensor, tensor, total } from '../../support/tensor.ts';
import { f32, i32, type OpSamples, type Sample, type } from './sample.ts';

const joined = (axis: number, ...shapes: readonly (readonly number[])[]): Sample => ({
  op: 'concat',
  inputs: shapes.map((shape) => f32(...shape)),
  attributes: { axis },
});

function concat(parts: readonly Tensor[], axis: number): Tensor {
  const shape = parts[0]?.shape ?? [];
  const at = atAxis(axis, shape.length);
  const sizes = parts.map((part) => part.shape[at] ?? 1);
  return tensor(shape.with(at, total(sizes)), (index) => {
    let position = index[at] ?? 0;
    const part = sizes.findIndex((size) => {
      if (position < size) return true;
      position -= size;
      return false;
    });
    return get(parts[part] as Tensor, index.with(at, position));
  });
}

const references: Readonly<Record<string, Reference>> = {
  concat: (inputs, { axis }) => [concat(inputs, Number(axis))],
};

export const concatSamples: OpSamples = {
  references,
  valid: [
    joined(0, [2, 3], [4, 3]),
    joined(-1, [2, 3], [2, 1], [2, 5]),
    joined(1, [2, 3, 2], [2, 1, 2]),
    joined(0, [3]),
    joined(0, [0, 2], [3, 2]),
    { op: 'concat', inputs: [i32([1, 2], 2), i32([3], 1)], attributes: { axis: 0 } },
  ],
  invalid: [
    {
      op: 'concat',
      inputs: [type('f32', 'batch', 'time', 128), type('f32', 'batch', 'keys', 128)],
      attributes: { axis: -1 },
      code: 'FROND-S014',
      summary: 'concat: other dimensions differ: time and keys',
    },
    {
      op: 'concat',
      inputs: [type('f32', 2, 3), type('f32', 3)],
      attributes: { axis: 0 },
      code: 'FROND-S014',
      summary: 'concat: other dimensions differ: rank',
    },
    {
      op: 'concat',
      inputs: [type('f32', 2), type('i32', 2)],
      attributes: { axis: 0 },
      code: 'FROND-S010',
      summary: 'concat: operands are f32 and i32',
    },
    {
      op: 'concat',
      inputs: [type('f32', 2)],
      attributes: { axis: 1 },
      code: 'FROND-S012',
      summary: 'concat: axis 1 is out of range for shape [2]',
    },
  ],
};
