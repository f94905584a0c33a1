import { crossEntropy, f32, type Graph, graph, i32, linear, mean, nn, palm } from 'frond';
import { buildStep } from '../src/palm/step.ts';

/** The encoder of a training step: sizes as in the case's name. */
export interface StepCase {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly inner: number;
  readonly batch: number;
  readonly time: number;
}

export const classes = 16;

export const nameOf = ({ layers, width, heads, inner, batch, time }: StepCase): string =>
  `${layers}x${width}x${heads}x${inner} b${batch} t${time}`;

/** Forward, backward and AdamW of a pre-norm encoder with a linear head and cross-entropy per position; no dropout. */
export function trainingStep({ layers, width, heads, inner }: Omit<StepCase, 'batch' | 'time'>): Graph {
  const forward = graph(
    'step',
    (g) => {
      const x = g.input('x', f32, ['batch', 'time', width]);
      const labels = g.input('labels', i32, ['batch', 'time']);
      const encoded = nn.encoder(x, { layers, heads, inner });
      return { loss: mean(crossEntropy(linear(encoded, classes), labels)) };
    },
    { training: true },
  );
  const optimizer = palm.adam({ rate: palm.constantRate(1e-3) });
  return buildStep(forward.ir, 'loss', { optimizer, weightDecay: 0.01 });
}
