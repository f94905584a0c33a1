import { checkArguments } from '../base/arguments.ts';
import { ARENA_BLOCKS } from '../base/dim.ts';
import type { SourcePlace } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { grouped } from '../base/own.ts';
import { nodeOf, nodePath } from '../ir/names.ts';
import { type OpRegistry, registryKind } from '../ir/record.ts';
import { ops } from '../ops/index.ts';
import type { Executable } from './executable.ts';
import { type Feeds, readFeeds } from './feeds.ts';
import { BLOCK } from './parameters.ts';
import { costOf } from './report.ts';

const executableKind = is.having('an executable, as compile gives it', 'graph', 'state', 'profile');

/** What a node of a compiled graph took in one run. */
export interface NodeProfile {
  /** scope path and id */
  readonly node: string;
  readonly op: string;
  readonly phase: string;
  /** the line of yours that made it */
  readonly place?: SourcePlace | undefined;
  readonly milliseconds: number;
  readonly launches: number;
  /** floating-point operations, a multiply-add counting two; 0 where the op does not say */
  readonly flops: number;
  /** of operands and results, each once */
  readonly bytes: number;
}

/**
 * Runs an executable once with a clock at each launch, and adds up by node, the slowest first. Nodes are those of the graph as it runs:
 * fused ones stand for several. Undefined where the device has no clock for launches.
 * @throws as `Executable.run`
 */
export async function profileNodes(
  executable: Pick<Executable, 'graph' | 'state' | 'profile'>,
  feeds: Feeds,
  registry: OpRegistry = ops,
): Promise<readonly NodeProfile[] | undefined> {
  const kinds = { executable: executableKind, feeds: is.object, registry: registryKind };
  checkArguments('profileNodes', kinds, [executable, feeds, registry], 'FROND-R023');
  const times = await executable.profile(feeds);
  if (times === undefined) return undefined;
  const { graph, state } = executable;
  const sizes = { ...readFeeds(graph, feeds).sizes, [ARENA_BLOCKS]: state.layout.trained / BLOCK };
  const spent = grouped(times.map(({ node, milliseconds }) => [node, milliseconds]));
  const profiles = [...spent].map(([id, list]): NodeProfile => {
    const node = nodeOf(graph, id);
    return {
      node: nodePath(node),
      op: node.op,
      phase: node.phase,
      place: node.source,
      milliseconds: list.reduce((sum, each) => sum + each, 0),
      launches: list.length,
      ...costOf(graph, node, registry, sizes),
    };
  });
  return profiles.sort((a, b) => b.milliseconds - a.milliseconds);
}
