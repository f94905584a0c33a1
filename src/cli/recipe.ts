import { existsSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createJiti } from 'jiti';
import * as frond from '../index.ts';

/** The name of a recipe: its file without folder and ending. */
export const recipeName = (file: string): string => basename(file, extname(file));

/**
 * Loads a recipe, TypeScript or JavaScript, and gives the function `train` that it exports. Its `import … from 'frond'` is this
 * very package, so that there is one of each class.
 * @throws FROND-U002 when there is no such file, FROND-U003 when it exports no `train`
 */
export async function loadRecipe(file: string): Promise<frond.palm.Recipe> {
  const path = resolve(file);
  if (!existsSync(path)) {
    throw new frond.FrondError('FROND-U002', `there is no file ${file}`, {
      hint: 'give the path of a recipe, such as examples/joint.ts',
    });
  }
  const jiti = createJiti(pathToFileURL(path).href, { virtualModules: { frond } });
  const loaded = (await jiti.import(path)) as { readonly train?: unknown };
  if (typeof loaded.train !== 'function') {
    throw new frond.FrondError('FROND-U003', `${file} exports no function train`, {
      place: { file },
      hint: 'export const train: palm.Recipe = async ({ data, output, … }) => { … }',
    });
  }
  return loaded.train as frond.palm.Recipe;
}
