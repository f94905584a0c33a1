import { statSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createJiti } from 'jiti';
import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import * as frond from '../index.ts';
import { thrownIn } from './failure.ts';

/** The name of a recipe: its file without folder and ending. */
export const recipeName = (file: string): string => basename(file, extname(file));

const SHAPE = 'export const train: palm.Recipe = async ({ data, output, … }) => { … }';

/**
 * What a module of TypeScript or JavaScript exports. Its `import … from 'frond'` is this very package, so that there is one of
 * each class.
 * @throws FROND-U013 when it cannot be loaded
 */
export async function loadModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(file);
  const jiti = createJiti(pathToFileURL(path).href, { virtualModules: { frond }, fsCache: false });
  try {
    return (await jiti.import(path)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    const hint =
      'a recipe is a module of TypeScript or JavaScript; what it imports must be installed beside it';
    throw thrownIn('FROND-U013', `cannot load ${file}`, file, cause, hint);
  }
}

/** @throws FROND-U002 when there is no such file */
export function requireFile(file: string): void {
  if (statSync(resolve(file), { throwIfNoEntry: false })?.isFile() === true) return;
  throw new FrondError('FROND-U002', `there is no file ${file}`, {
    hint: 'give the path of a recipe, such as examples/joint.ts',
  });
}

/**
 * Loads a recipe and gives the function `train` that it exports.
 * @throws FROND-U002 when there is no such file, FROND-U003 when it exports no `train`, FROND-U013 when it cannot be loaded
 */
export async function loadRecipe(
  file: string,
): Promise<frond.palm.Recipe & { readonly settings?: frond.palm.TasksSettings }> {
  requireFile(file);
  if (extname(file) === '.json') return frond.palm.tasksRecipe(await platform.files.readText(file), file);
  const { train } = await loadModule(file);
  if (typeof train === 'function') return train as frond.palm.Recipe;
  throw new FrondError('FROND-U003', `${file} exports no function train`, { place: { file }, hint: SHAPE });
}

/**
 * Runs a recipe. Errors of frond pass; what the recipe itself throws is said with its line.
 * @throws FROND-U008 when it throws, FROND-U012 when it gives back something else than a result
 */
export async function runRecipe(
  recipe: frond.palm.Recipe,
  file: string,
  context: frond.palm.RecipeContext,
): Promise<frond.palm.RecipeResult> {
  let result: frond.palm.RecipeResult | undefined;
  try {
    result = await recipe(context);
  } catch (cause) {
    const hint =
      'the error comes from the recipe; FROND_STACK=1 in the environment shows the calls that led there';
    throw thrownIn('FROND-U008', `${file} failed`, file, cause, hint);
  }
  if (result?.trainer !== undefined && result.summary !== undefined) return result;
  throw new FrondError('FROND-U012', `train of ${file} gave back no trainer and summary`, {
    place: { file },
    hint: 'end it with: return { trainer, summary: await trainer.train({ signal, on }) }',
  });
}
