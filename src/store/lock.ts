import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import type { Files } from '../platform/types.ts';

/**
 * Takes the folder for this process, so that two runs never save into one place. A lock whose process is gone is taken over.
 * @returns the release
 * @throws FROND-F020 while another process holds it
 */
export async function lockFolder(
  folder: string,
  files: Files = platform.files,
): Promise<() => Promise<void>> {
  await files.makeFolder(folder);
  const path = files.join(folder, 'lock');
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await files.createExclusively(path, `${platform.processId}\n`)) return () => files.remove(path);
    const holder = await holderOf(path, files);
    if (holder !== undefined && holder !== platform.processId && platform.isAlive(holder)) {
      throw new FrondError('FROND-F020', `${folder} is in use by process ${holder}`, {
        place: { file: path },
        hint: 'wait for it to end, or choose another output folder',
      });
    }
    await files.remove(path);
  }
  throw new FrondError('FROND-F020', `${folder} could not be locked`, { place: { file: path } });
}

async function holderOf(path: string, files: Files): Promise<number | undefined> {
  try {
    const holder = Number.parseInt(await files.readText(path), 10);
    return Number.isNaN(holder) ? undefined : holder;
  } catch {
    return undefined;
  }
}
