import { defined, FrondError } from '../base/errors.ts';
import { type Graph, graphWith, idOf, nodesById } from '../ir/graph.ts';
import { topologicalOrder } from '../ir/order.ts';
import { ops } from '../ops/index.ts';
import { differentiate } from '../passes/index.ts';
import { compile } from '../runtime/compile.ts';
import type { Executable } from '../runtime/executable.ts';
import { type Feeds, feedsFor } from '../runtime/feeds.ts';
import type { ModelState } from '../runtime/state.ts';
import type { SharedGradients } from './events.ts';
import { lossName } from './graphs.ts';
import type { Setup, Source } from './setup.ts';

// How the gradients of tasks compare on what they share. It costs a backward pass for each task, and reads the gradients of all shared
// parameters: for a look now and then, not for every step.

interface Watched {
  readonly task: string;
  readonly source: Source;
  readonly executable: Executable;
}

/** The part of a graph that computes some of its outputs, or other tensors. */
function partOf(graph: Graph, outputs: Graph['outputs']): Graph {
  const used = topologicalOrder(graph, Object.values(outputs).map(idOf));
  const ids = new Set(used.map(({ id }) => id));
  const inputs = graph.inputs.filter((id) => ids.has(id));
  return graphWith(graph, { nodes: nodesById(used), inputs, outputs, effects: [] });
}

/** Computes the gradient of each task by itself. It belongs to the state of a learner, and is freed with it. */
export class GradientWatch {
  readonly #watched: readonly Watched[];

  private constructor(watched: readonly Watched[]) {
    this.#watched = watched;
  }

  /** @throws FROND-T002 where no trained parameter is of all tasks */
  static async create(setup: Setup, state: ModelState): Promise<GradientWatch> {
    const trained = [...state.layout.entries.values()]
      .filter((entry) => entry.trained)
      .map(({ name }) => name);
    const found = setup.sources.flatMap((source) =>
      source.tasks.map(({ name: task }) => {
        const has = (name: string) =>
          Object.values(source.forward.nodes).some((node) => node.attributes.name === name);
        const parameters = trained.filter(has);
        return { task, source, ...differentiate(source.forward, ops, { loss: lossName(task), parameters }) };
      }),
    );
    const shared = trained.filter((name) => found.every(({ gradients }) => Object.hasOwn(gradients, name)));
    if (found.length < 2 || shared.length === 0) {
      throw new FrondError(
        'FROND-T002',
        'watchGradients has no effect: the tasks share no trained parameter',
        {
          hint: 'leave it out; it compares the gradients of several tasks on one backbone',
        },
      );
    }
    const watched: Watched[] = [];
    for (const { task, source, graph, gradients } of found) {
      const outputs = Object.fromEntries(shared.map((name) => [name, defined(gradients[name], name)]));
      const { executable } = await compile(partOf(graph, outputs), { state });
      watched.push({ task, source, executable });
    }
    return new GradientWatch(watched);
  }

  /** @param feedsOf what a step of a source is fed; the first batch of it is looked at */
  async look(feedsOf: (source: Source) => Promise<Feeds>): Promise<SharedGradients> {
    const feeds = new Map<Source, Feeds>();
    const gradients: { task: string; values: readonly ArrayLike<number>[] }[] = [];
    for (const { task, source, executable } of this.#watched) {
      const fed = feeds.get(source) ?? (await feedsOf(source));
      feeds.set(source, fed);
      const found = await executable.run(feedsFor(executable.graph, fed));
      gradients.push({ task, values: Object.values(found).map(({ data }) => data) });
    }
    const dot = (i: number, j: number): number => {
      const [one, other] = [gradients[i]?.values ?? [], gradients[j]?.values ?? []];
      let sum = 0;
      one.forEach((values, k) => {
        const others = other[k] ?? [];
        for (let at = 0; at < values.length; at++) sum += (values[at] ?? 0) * (others[at] ?? 0);
      });
      return sum;
    };
    const norms = gradients.map((_, i) => Math.sqrt(dot(i, i)));
    return {
      norms: Object.fromEntries(gradients.map(({ task }, i) => [task, norms[i] ?? 0])),
      cosines: gradients.flatMap(({ task }, i) =>
        gradients.slice(i + 1).map((other, k) => ({
          tasks: [task, other.task] as const,
          cosine: dot(i, i + 1 + k) / ((norms[i] ?? 0) * (norms[i + 1 + k] ?? 0)),
        })),
      ),
    };
  }

  free(): void {
    for (const { executable } of this.#watched) executable.free();
  }
}
