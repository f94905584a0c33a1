import { platform } from '#platform';
import { checkArguments } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { deviceKind } from '../../runtime/device.ts';
import type { Metrics } from '../contract.ts';
import type { Recipe } from '../multiHeadTrainer.ts';
import { Predictor } from '../predictor.ts';
import { checkFolder, checkSettings } from '../settings.ts';
import type { TasksSettings } from './settings.ts';

export type { TasksSettings } from './settings.ts';

/** What trains and evaluates what a tasks file says. */
export interface TasksRecipe extends Recipe {
  readonly settings: TasksSettings;
}

// the library that checks settings is loaded by those who have some

/**
 * The recipe that a tasks file describes: data sets, tasks, encoder, policy, optimizer, without code. It does what a recipe in TypeScript
 * does by the same calls, and writes the settings that it came to as `tasks.json` into the folder of the run.
 *
 *     const recipe = await palm.tasksRecipe(await readFile('tasks.json', 'utf8'), 'tasks.json');
 *     await recipe({ output: 'outputs/tasks', seed: 1, device, … });
 *
 * @param source the text of the file, or what it holds
 * @param file paths in it are relative to its folder; errors name it. Default `tasks.json`
 * @throws FROND-T040 for a setting that is missing, unknown or invalid, with its line and column; W002 for what is no JSON
 */
export async function tasksRecipe(source: string | object, file = 'tasks.json'): Promise<TasksRecipe> {
  const kinds = { source: is.either(is.text, is.object), file: is.name };
  checkArguments('tasksRecipe', kinds, [source, file], 'FROND-T002');
  const { readSettings } = await import('./read.ts');
  const { runTasks } = await import('./recipe.ts');
  const settings = readSettings(source, file);
  const recipe: Recipe = async (context) => {
    try {
      return await runTasks(settings, file, context);
    } catch (cause) {
      throw cause instanceof FrondError ? cause.with({ place: { file } }) : cause;
    }
  };
  return Object.assign(recipe, { settings });
}

const evaluateOptions = {
  /** default `test` */
  part: is.optional(is.name),
  device: is.optional(deviceKind),
  signal: is.optional(is.signal),
};

/**
 * Scores of a run of a tasks file on a part of the data that its `tasks.json` names, of the weights that predict.
 * @param folder of the run
 * @throws FROND-D015 for a part that no task has data of, and as `Predictor.load` and the readers do
 */
export async function evaluateRun(
  folder: string,
  options: is.OptionsOf<typeof evaluateOptions> = {},
): Promise<Metrics> {
  checkFolder('evaluateRun', folder);
  checkSettings('evaluateRun', options, evaluateOptions);
  const { part = 'test', signal, ...rest } = options;
  const file = platform.files.join(folder, 'tasks.json');
  const { readSettings } = await import('./read.ts');
  const { partsOf } = await import('./recipe.ts');
  const settings = readSettings(await platform.files.readText(file), file);
  const predictor = await Predictor.load(folder, rest);
  try {
    return await predictor.evaluate(await partsOf(settings, folder, part, predictor), signal);
  } finally {
    predictor.free();
  }
}
