import type { LaunchPlan } from '../src/ir/record.ts';
import type {
  CrfArguments,
  CrfGradientArguments,
  CrfMarginalsArguments,
  CrfSaved,
  CrfScores,
  CrfSizes,
} from './crfArguments.ts';
import { traceCrfBackward } from './crfBackward.ts';
import { crfTiles, scoresOf, sizesOf, temporary } from './crfBlock.ts';
import { planCrfEnds } from './crfEnds.ts';
import { traceCrfForward } from './crfForward.ts';
import { planCrfTransitions } from './crfTransitions.ts';
import { crfWeights, planCrfWeights } from './crfWeights.ts';
import { blocksOf } from './plan.ts';

/**
 * Launches of the linear-chain CRF (Lafferty et al. 2001): loss, its gradient, marginals. The recursions are in
 * crfForward.ts and crfBackward.ts; crfSemiring.ts has their readable definition; decoding is in crfDecode.ts.
 */

/** loss = log Z − score of the tags, log Z, and what the backward pass needs. Two launches. */
export function planCrf(args: CrfArguments): LaunchPlan[] {
  const tiles = crfTiles(args.labels);
  const { alpha, offset, tags, loss, logZ } = args;
  return [
    planCrfWeights(args.transitions, args.labels),
    {
      kernel: traceCrfForward(tiles, true),
      grid: [blocksOf(args.batch, tiles.block)],
      scalars: sizesOf(args),
      slots: { ...scoresOf(args), ...crfWeights(args.labels), alpha, offset, tags, loss, logZ },
    },
  ];
}

const saved = ({ batch, time, labels }: CrfSizes): CrfSaved => ({
  alpha: temporary('Alpha', [batch, time, labels]),
  offset: temporary('Offset', [batch, time]),
});

/** Gradients of Σ_b dloss[b] · loss[b]. Five launches. */
export function planCrfGradient(args: CrfGradientArguments): LaunchPlan[] {
  const { batch, time, labels, tags, dloss, demissions, alpha, offset } = args;
  const tiles = crfTiles(labels);
  const pair = {
    left: temporary('Left', [batch, time, labels]),
    right: temporary('Right', [batch, time, labels]),
    mass: temporary('Mass', [batch, time]),
    exact: temporary('Exact', [batch, time]),
  };
  const { emissions, transitions, stop, lengths, dtransitions, dstart, dstop } = args;
  const weights = crfWeights(labels);
  const shared = { transitions, ...weights, alpha, tags, ...pair };
  return [
    planCrfWeights(transitions, labels),
    {
      kernel: traceCrfBackward({ ...tiles, result: 'gradient' }),
      grid: [blocksOf(batch, tiles.block)],
      scalars: sizesOf(args),
      slots: { ...shared, emissions, stop, lengths, offset, dloss, demissions },
    },
    ...planCrfTransitions(args, shared, dtransitions),
    planCrfEnds(args, { demissions, lengths, dstart, dstop }),
  ];
}

/** P(y_t = label) for each step of each sequence. Three launches. */
export function planCrfMarginals(args: CrfMarginalsArguments): LaunchPlan[] {
  const tiles = crfTiles(args.labels);
  const weights = crfWeights(args.labels);
  const grid = [blocksOf(args.batch, tiles.block)];
  const between = saved(args);
  const { start, ...ending }: CrfScores = scoresOf(args);
  return [
    planCrfWeights(args.transitions, args.labels),
    {
      kernel: traceCrfForward(tiles, false),
      grid,
      scalars: sizesOf(args),
      slots: {
        ...ending,
        start,
        ...weights,
        ...between,
        logZ: temporary('LogZ', [args.batch]),
      },
    },
    {
      kernel: traceCrfBackward({ ...tiles, result: 'marginals' }),
      grid,
      scalars: sizesOf(args),
      slots: { ...ending, ...weights, ...between, marginals: args.marginals },
    },
  ];
}
