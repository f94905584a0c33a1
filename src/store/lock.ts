import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import type { Files } from '../platform/types.ts';

/** Claims of this process, by path: what else bears its number was left by an earlier process of the same number. */
const held = new Set<string>();

const CLAIM = /^lock\.(\d+)\.[\w-]+$/;
const ATTEMPTS = 4;

/**
 * Takes the folder for this process, so that two runs never save into one place.
 *
 * Whoever wants the folder first leaves a claim, a file of a name that nobody else uses, then looks at all claims, and withdraws
 * if another one is alive. Of two processes the one that looks last sees the other's claim, so they never both win; that they
 * both withdraw is answered by trying again. A claim whose process is gone counts for nothing, and may be removed by anyone at
 * any time because its name is never used again. Tabs of a browser have no process ids: there the name of the folder is claimed.
 *
 * @returns the release
 * @throws FROND-F020 while another run holds it
 */
export async function lockFolder(
  folder: string,
  files: Files = platform.files,
): Promise<() => Promise<void>> {
  const giveUp = await platform.claim(`frond ${folder}`);
  if (giveUp === undefined) throw inUse(folder, 'another run in this browser', folder);
  try {
    const release = await claimByFile(folder, files);
    return () => release().finally(giveUp);
  } catch (cause) {
    giveUp();
    throw cause;
  }
}

const inUse = (folder: string, who: string, file: string): FrondError =>
  new FrondError('FROND-F020', `${folder} is in use by ${who}`, {
    place: { file },
    hint: 'wait for it to end, or choose another output folder; if that process is no run of frond, delete the file',
  });

async function claimByFile(folder: string, files: Files): Promise<() => Promise<void>> {
  await files.makeFolder(folder);
  let holder: Awaited<ReturnType<typeof otherClaim>>;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const pause = 10 * attempt * (1 + Math.random());
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    const path = files.join(folder, `lock.${platform.processId}.${crypto.randomUUID()}`);
    held.add(path);
    const release = async (): Promise<void> => {
      held.delete(path);
      await files.remove(path);
    };
    try {
      await files.createExclusively(path, '');
      holder = await otherClaim(folder, path, files);
    } catch (cause) {
      await release().catch(() => undefined);
      throw cause;
    }
    if (holder === undefined) return release;
    await release();
  }
  const who =
    holder?.processId === platform.processId ? 'another run of this process' : `process ${holder?.processId}`;
  throw inUse(folder, who, holder?.path ?? folder);
}

/** A living claim other than `own`; dead ones are removed. */
async function otherClaim(folder: string, own: string, files: Files) {
  for (const name of await files.list(folder)) {
    const processId = Number(CLAIM.exec(name)?.[1]);
    const path = files.join(folder, name);
    if (Number.isNaN(processId) || path === own) continue;
    const alive = processId === platform.processId ? held.has(path) : platform.isAlive(processId);
    if (alive) return { path, processId };
    await files.remove(path);
  }
  return undefined;
}
