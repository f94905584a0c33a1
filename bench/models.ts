import {
  add,
  cast,
  crf,
  crossEntropy,
  differentiate,
  edit,
  type Feeds,
  f32,
  type Graph,
  gather,
  graph,
  i32,
  linear,
  matmul,
  mean,
  mul,
  neg,
  nn,
  normal,
  ops,
  palm,
  sum,
  type Tensor,
} from 'frond';
import { groupColumns } from '../kernels/gradientNorm.ts';
import { GROUPS } from '../src/palm/groups.ts';
import { buildStep, SHARES } from '../src/palm/step.ts';

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

/**
 * Floating-point operations of the matrix products in the encoder's forward and backward part, attention among them: a
 * product of m · k · n takes 2 m k n forward and twice that backward. Per layer and position there are the four maps of
 * attention, 4 · width², the two of the feed-forward part, 2 · width · inner, and scores and their weighted sum,
 * 2 · time · width. Norms, activations, the head and the update are left out.
 */
export const matmulFlops = ({ layers, width, inner, batch, time }: StepCase): number =>
  6 * layers * batch * time * (4 * width * width + 2 * width * inner + 2 * time * width);

const update = { optimizer: palm.adam({ rate: palm.constantRate(1e-3) }), weightDecay: 0.01 };

/** What a training step is fed beside its batch: every group at one rate, every task at weight 1. */
export function updateFeeds({ nodes, inputs }: Graph): Feeds {
  const sizeOf = (input: string): number => Number(nodes[input]?.types[0]?.shape[0] ?? 1);
  const groups = sizeOf(GROUPS);
  const data = Array.from({ length: groups }, () => [1e-3, 1, 1, 0, 0, 1, 0, 0]).flat();
  const shares = Array.from({ length: sizeOf(SHARES) }, (_, i) => Math.min(i, 1));
  const weights = inputs.filter((name) => name.endsWith('.weight'));
  return {
    ...Object.fromEntries(weights.map((name) => [name, { dtype: 'f32', shape: [], data: [1] } as const])),
    [GROUPS]: { dtype: 'f32', shape: [groups, groupColumns], data },
    [SHARES]: { dtype: 'f32', shape: [shares.length], data: shares },
  };
}

/** About `nodes` nodes: sums over x, each with a factor and so a kernel of its own, added up. */
export function sideBySide(nodes: number): Graph {
  return graph('wide', (g) => {
    const x = g.input('x', f32, ['batch', 4]);
    const sums = Array.from({ length: nodes / 4 }, (_, i) => sum(mul(x, i + 1), [0, 1]));
    return { y: sums.reduce((total, one) => add(total, one)) };
  }).ir;
}

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
  return buildStep(forward.ir, update);
}

/** A training step of BERT's sizes (Devlin et al. 2019; base: 12 layers, width 768) with word and position tables, pre-norm. */
export function bertStep({
  layers,
  width = 768,
}: {
  readonly layers: number;
  readonly width?: number;
}): Graph {
  const forward = graph(
    'bert',
    (g) => {
      const tokens = g.input('tokens', i32, ['batch', 'time']);
      const labels = g.input('labels', i32, ['batch', 'time']);
      const positions = g.input('positions', i32, ['batch', 'time']);
      const table = g.parameter('words', f32, [30_522, width], normal(0.02));
      const x = nn.learnedPositions(g, gather(table, tokens), positions, { max: 512 });
      const encoded = nn.encoder(x, { layers, heads: width / 64, inner: 4 * width, dropout: 0.1 });
      return { loss: mean(crossEntropy(linear(encoded, classes), labels)) };
    },
    { training: true },
  );
  return buildStep(forward.ir, update);
}

/** out = x · w · w · …: as many products of one shape in one submission, none of which can be left out or shared. */
export function chain(rows: number, inner: number, count: number, dtype: 'f32' | 'f16' = 'f32'): Graph {
  // one graph for either type: what the compiler checks for one holds for the other
  const type = dtype as 'f32';
  return graph('chain', (g) => {
    const w = g.input('w', type, [inner, inner]);
    let out: Tensor<'f32', [number, number]> = g.input('x', type, [rows, inner]);
    // products of f16 are summed in f32 and stored as f16 again
    for (let i = 0; i < count; i++) out = cast(matmul(out, w), type);
    return { out };
  }).ir;
}

/** Mean negative log-likelihood of a linear-chain CRF with its gradients by emissions, transitions, start and stop. */
export function crfGradient(labels: number): Graph {
  const { ir } = graph('crf', (g) => {
    const emissions = g.input('emissions', f32, ['batch', 'time', labels]);
    const tags = g.input('tags', i32, ['batch', 'time']);
    const lengths = g.input('lengths', i32, ['batch']);
    const transitions = g.input('transitions', f32, [labels, labels]);
    const [start, stop] = [g.input('start', f32, [labels]), g.input('stop', f32, [labels])];
    const likelihood = crf.logLikelihood(emissions, tags, lengths, { transitions, start, stop });
    return { loss: neg(mean(likelihood)) };
  });
  const floats = ir.inputs.filter((ref) => ir.nodes[ref]?.types[0]?.dtype === 'f32');
  const { graph: both, gradients } = differentiate(ir, ops, { loss: 'loss', wrt: floats });
  const named = floats.flatMap((ref): [string, string][] => {
    const gradient = gradients[ref];
    return gradient === undefined ? [] : [[`d.${String(ir.nodes[ref]?.attributes.name)}`, gradient]];
  });
  return edit(both, (draft) => void Object.assign(draft.outputs, Object.fromEntries(named)), ops).graph;
}
