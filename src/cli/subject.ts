import { existsSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { platform } from '#platform';
import { defined, FrondError } from '../base/errors.ts';
import * as frond from '../index.ts';
import { type GraphLike, graphKind, irOf } from '../ir/graph.ts';
import { latestOf } from '../palm/predictor.ts';
import { chosen } from './arguments.ts';
import { GRAPHS } from './commands.ts';
import { loadModule } from './recipe.ts';

/** A graph that a command is about, and where it has any its weights. */
interface Subject {
  readonly graph: frond.Graph;
  readonly weights?: () => Promise<ReadonlyMap<string, ArrayLike<number>>>;
}

async function weightsOfRun(folder: string): Promise<ReadonlyMap<string, ArrayLike<number>>> {
  const { files } = await latestOf(folder);
  const file = 'weights.safetensors';
  const { tensors } = frond.readSafetensors(await defined(files.get(file), file).read(), file);
  return new Map([...tensors].map(([name, tensor]) => [name, frond.floatsOf(tensor, name, file)]));
}

async function graphOfRun(folder: string, name = 'forward'): Promise<Subject> {
  const which = chosen('graph', name, GRAPHS);
  const graph = (await frond.palm.loadModelRecord(folder))[which];
  return { graph, weights: () => weightsOfRun(folder) };
}

async function graphOfModule(file: string, name: string | undefined): Promise<Subject> {
  const exported = Object.entries(await loadModule(file));
  const graphs = new Map(exported.filter((each): each is [string, GraphLike] => graphKind.holds(each[1])));
  const names = [...graphs.keys()];
  const [first] = names;
  if (first === undefined) {
    throw new FrondError('FROND-U017', `${file} exports no graph`, {
      place: { file },
      hint: "export const model = graph('model', (g) => …)",
    });
  }
  if (name === undefined && names.length > 1) {
    throw new FrondError('FROND-U019', `${file} exports ${names.length} graphs`, {
      place: { file },
      hint: `choose one: ${names.map((each) => `--graph ${each}`).join(', ')}`,
    });
  }
  const which = chosen('graph', name ?? first, names);
  return { graph: irOf(defined(graphs.get(which), which)) };
}

const MODULES: readonly string[] = ['.ts', '.mts', '.js', '.mjs'];

/**
 * The graph of a run, of a module, or of a file that `frond inspect` printed; `graph` says which, where there are several.
 * @throws FROND-U018 where there is nothing, and whatever reading it throws
 */
export async function subjectOf(what: string, graph?: string): Promise<Subject> {
  if (!existsSync(what)) {
    throw new FrondError('FROND-U018', `there is no ${what}`, {
      hint: 'give the folder of a run, a module that exports a graph, or a file that frond inspect printed',
    });
  }
  if (statSync(what).isDirectory()) return graphOfRun(what, graph);
  if (MODULES.includes(extname(what))) return graphOfModule(what, graph);
  return { graph: frond.parseGraph(await platform.files.readText(what), what) };
}
