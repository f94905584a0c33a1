import { checkArguments } from '../base/arguments.ts';
import type { Precision } from '../base/dtype.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { checkGraph } from '../ir/check.ts';
import { diffGraphs, type GraphPatch } from '../ir/edit.ts';
import { type Graph, irKind } from '../ir/graph.ts';
import { type OpRegistry, registryKind } from '../ir/record.ts';
import { expand } from './expand.ts';
import { foldConstants } from './foldConstants.ts';
import { fuseColumnSums } from './fuseColumnSums.ts';
import { fuseElementwise } from './fuseElementwise.ts';
import { fuseEpilogue } from './fuseEpilogue.ts';
import { hoistDerivatives } from './hoistDerivatives.ts';
import { removeDeadNodes } from './rewrite.ts';
import { shareCommonSubexpressions } from './shareCommonSubexpressions.ts';
import { simplify } from './simplify.ts';

export { type Differentiated, type DifferentiateOptions, differentiate } from './differentiate.ts';

export interface Pass {
  readonly name: string;
  readonly doc: string;
  run(graph: Graph, registry: OpRegistry, precision?: Precision): Graph;
}

const pass = (name: string, doc: string, run: Pass['run']): Pass => ({ name, doc, run });

/** Passes that join nodes into fewer kernels. */
const fusing: readonly Pass[] = [
  pass(
    'hoistDerivatives',
    'computes derivatives where their argument is, when only they would keep it',
    hoistDerivatives,
  ),
  pass('fuseColumnSums', 'lets the gradient of a weight add up that of its bias', fuseColumnSums),
  pass('fuseElementwise', 'joins element-wise nodes into one kernel', fuseElementwise),
  pass('fuseEpilogue', 'lets matmul apply the element-wise node that follows it', fuseEpilogue),
];
export const fusingPasses: readonly string[] = fusing.map(({ name }) => name);

/** What happens to a graph between its declaration and its lowering, in order. Differentiation comes before. */
export const passes: readonly Pass[] = [
  pass('expand', 'rewrites convenience ops into the ops that they are made of', expand),
  pass('removeDeadNodes', 'drops what no output or effect depends on', removeDeadNodes),
  pass('foldConstants', 'computes functions of small constants', foldConstants),
  pass('simplify', 'drops neutral elements and views of views', simplify),
  pass('shareCommonSubexpressions', 'computes equal nodes once', shareCommonSubexpressions),
  ...fusing,
];

const passOptions = {
  /** names of passes to leave out */
  disable: is.omittable(is.names),
  /** check the graph before the first and after every pass */
  check: is.omittable(is.flag),
  /** of the device: what constants are folded in; default: f32 */
  precision: is.omittable(is.oneOf('f32', 'f64')),
};
export type PassOptions = is.OptionsOf<typeof passOptions>;

export interface PassLog {
  readonly pass: string;
  readonly milliseconds: number;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
  readonly changed: boolean;
  /** the graph that the pass gave */
  readonly graph: Graph;
  /** what it changed, computed when asked for */
  patches(): readonly GraphPatch[];
}

/**
 * Runs the passes over a graph.
 * @throws FROND-P004 when `disable` names no pass; as `checkGraph` does, with the pass named, when `check` finds one at fault.
 */
export function runPasses(
  graph: Graph,
  registry: OpRegistry,
  options: PassOptions = {},
): { readonly graph: Graph; readonly log: readonly PassLog[] } {
  const kinds = { graph: irKind, registry: registryKind, options: passOptions };
  checkArguments('runPasses', kinds, [graph, registry, options]);
  const { disable = [], check, precision } = options;
  const all = passes.map(({ name }) => name);
  const unknown = disable.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    throw new FrondError('FROND-P004', `there is no pass called ${unknown}`, {
      hint: `the passes are: ${all.join(', ')}`,
    });
  }
  if (check) checkGraph(graph, registry);
  const log: PassLog[] = [];
  let current = graph;
  let nodesBefore = Object.keys(graph.nodes).length;
  for (const pass of passes) {
    if (disable.includes(pass.name)) continue;
    const before = current;
    const start = performance.now();
    const after = pass.run(before, registry, precision);
    const milliseconds = performance.now() - start;
    const changed = after !== before;
    const nodesAfter = changed ? Object.keys(after.nodes).length : nodesBefore;
    log.push({
      pass: pass.name,
      milliseconds,
      nodesBefore,
      nodesAfter,
      changed,
      graph: after,
      patches: () => diffGraphs(before, after),
    });
    if (check && changed) checkAfter(pass, after, registry);
    current = after;
    nodesBefore = nodesAfter;
  }
  return { graph: current, log };
}

function checkAfter(pass: Pass, graph: Graph, registry: OpRegistry): void {
  try {
    checkGraph(graph, registry);
  } catch (error) {
    throw error instanceof FrondError
      ? new FrondError(error.code, `after pass ${pass.name}: ${error.summary}`, error.details)
      : error;
  }
}
