import { defined } from '../../src/base/errors.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { groupsFeed } from '../../src/palm/groups.ts';
import { type BackwardOptions, buildPrograms, type Programs, sharesFeed } from '../../src/palm/step.ts';
import type { Feeds } from '../../src/runtime/feeds.ts';

/** The programs of a forward graph, with its training step as one graph. */
export function stepOf(graph: Graph, options: BackwardOptions, losses: readonly string[] = []) {
  const programs = buildPrograms([{ graph, losses }], options);
  return { programs, step: defined(programs.steps[0], 'step') };
}

/** What step `step` of a run of one batch a step is fed beside the batch. */
export const updateFeeds = (programs: Programs, step: number, tasks = 0): Feeds => ({
  ...groupsFeed(programs, { source: 0, done: [step], totals: [1000] }),
  ...sharesFeed(true, new Array<number>(tasks).fill(1)),
});
