/*
 * SwiGLU (Shazeer 2020), the gated unit of Llama's feed-forward part, as one function of two elements:
 *
 *   y = silu(gate) · up,  silu(g) = g σ(g);  dgate = dy · up · (σ + g σ (1 − σ)),  dup = dy · silu(gate).
 *
 * Memory: as an element-wise op it fuses with what stands around it: alone it reads two tensors once and writes one; the product of
 * matrices in front of it may apply it before anything is stored.
 */
import { defineOp, type Shape, type Tensor } from 'frond';

/** silu(gate) · up */
export const swiglu: <S extends Shape>(gate: Tensor<'f32', S>, up: Tensor<'f32', S>) => Tensor<'f32', S> =
  defineOp({
    name: 'swiglu',
    operands: ['gate', 'up'],
    emit: (k, { gate, up }) => k.mul(k.div(gate, k.add(k.exp(k.neg(gate)), 1)), up),
    vjp(b, { gate, up, dout }) {
      const sigma = b.one('sigmoid', [gate]);
      // 1 − σ as σ(−g), which keeps its digits
      const slope = b.add(sigma, b.mul(b.mul(gate, sigma), b.one('sigmoid', [b.neg(gate)])));
      return [b.mul(b.mul(dout, up), slope), b.mul(dout, b.mul(gate, sigma))];
    },
    flops: 14,
  });
