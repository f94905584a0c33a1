/*
 * Rotary positions (Su et al. 2021): the pairs (x_i, x_(i+h)) of each head of 2h numbers, at place t, are turned by the angle
 * θ = t · base^(−i/h):
 *
 *   y_i = x_i cos θ − x_(i+h) sin θ,  y_(i+h) = x_i sin θ + x_(i+h) cos θ.
 *
 * A rotation: its gradient is the rotation by −θ, the same kernel with the sign turned. x [batch, time, width], heads side by side.
 * Memory: x is read once and y written once; angles are computed where they are needed. One program per head of a place.
 */
import { defineOp, kernel, rowsOf, type Tensor } from 'frond';

const turn = kernel(
  {
    name: 'rotary',
    doc: 'pairs of each head turned by an angle that grows with the place',
    tiles: { i: 64 },
    reads: { x: 'f32' },
    writes: { out: 'f32' },
    parameters: { time: 'i32', heads: 'i32', half: 'i32', speed: 'f32', sign: 'f32' },
  },
  (k, { i, x, out, time, heads, half, speed, sign }) => {
    const place = k.program(1);
    const I = k.span(i, k.mul(k.program(0), i.size), half);
    // the head begins at (place · heads + head) · 2h; its second half h further
    const first = k.mul(k.add(k.mul(place, heads), k.program(2)), k.mul(half, 2));
    const second = k.add(first, half);
    const pair = [
      k.load(x, [
        [first, 1],
        [I, 1],
      ]),
      k.load(x, [
        [second, 1],
        [I, 1],
      ]),
    ] as const;
    // base^(−i/h) = e^(i · speed)
    const index = k.cast(k.add(k.arange(i), I.start), 'f32');
    const angle = k.mul(k.cast(k.rem(place, time), 'f32'), k.exp(k.mul(index, speed)));
    const [cosine, sine] = [k.map('cos', angle), k.mul(k.map('sin', angle), sign)];
    k.store(
      out,
      [
        [first, 1],
        [I, 1],
      ],
      k.sub(k.mul(pair[0], cosine), k.mul(pair[1], sine)),
    );
    k.store(
      out,
      [
        [second, 1],
        [I, 1],
      ],
      k.add(k.mul(pair[0], sine), k.mul(pair[1], cosine)),
    );
  },
);

/** x [batch, time, width] with each of `heads` heads turned by its place. */
export const rotary: <T extends string | number, W extends number>(
  x: Tensor<'f32', ['batch', T, W]>,
  attributes: { readonly heads: number; readonly base?: number },
) => Tensor<'f32', ['batch', T, W]> = defineOp({
  name: 'rotary',
  operands: ['x'],
  attributes: { heads: 1, base: 10_000, sign: 1 },
  shape({ x }, { heads }) {
    const width = x.shape[2];
    if (typeof width !== 'number' || width % (2 * heads) !== 0)
      throw new Error(`a width of ${width} is not made of ${heads} heads of pairs`);
    return x;
  },
  lower({ x }, { slots, attributes: { heads, base, sign } }) {
    const { rows, columns } = rowsOf('rotary', x);
    const half = Number(columns) / (2 * heads);
    const scalars = { time: x.shape[1] ?? 1, heads, half, speed: -Math.log(base) / half, sign };
    return [turn.over({ i: half }, rows, heads).with({ ...slots, ...scalars })];
  },
  vjp: (b, { dout }, { heads, base, sign }) => [b.one('rotary', [dout], { heads, base, sign: -sign })],
  flops: 30,
});
