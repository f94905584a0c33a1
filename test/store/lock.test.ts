import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { platform } from '../../src/platform/node/index.ts';
import { lockFolder } from '../../src/store/lock.ts';
import { runs } from '../support/counts.ts';
import { bundleScript, type Child, startScript, temporaryFolder } from './support/bundle.ts';

const folder = temporaryFolder();
let script = '';
beforeAll(async () => {
  script = await bundleScript('contender', folder.path);
});
afterAll(folder.remove);

const claims = (target: string): string[] => readdirSync(target).filter((name) => name.startsWith('lock.'));

async function start(target: string, rounds: number): Promise<Child> {
  const child = startScript(script, [target, String(rounds)]);
  await child.seen((line) => line === 'ready');
  return child;
}

describe('the lock of a folder', () => {
  it('is held once, and free after its release', async () => {
    const target = join(folder.path, 'once');
    const release = await lockFolder(target);
    await expect(lockFolder(target)).rejects.toThrow(
      `[FROND-F020] ${target} is in use by another run of this process`,
    );
    await release();
    expect(claims(target)).toEqual([]);
    await (await lockFolder(target))();
  });

  it('is refused where another tab of the browser has it, and given back with the folder', async () => {
    const target = join(folder.path, 'tab');
    const claimed = vi.spyOn(platform, 'claim').mockResolvedValueOnce(undefined);
    await expect(lockFolder(target)).rejects.toThrow(
      `[FROND-F020] ${target} is in use by another run in this browser`,
    );
    let open = 0;
    claimed.mockImplementation(async () => {
      open++;
      return () => void open--;
    });
    const release = await lockFolder(target);
    await expect(lockFolder(target)).rejects.toThrow('[FROND-F020]');
    expect(open).toBe(1);
    await release();
    expect(open).toBe(0);
    claimed.mockRestore();
  });

  it('stays with a living process and is taken over from a dead one', async () => {
    const target = join(folder.path, 'stale');
    const child = await start(target, 0);
    child.process.stdin?.write('go\n');
    await child.seen((line) => line === 'held');
    const refused = await lockFolder(target).catch((cause) => cause);
    expect(refused.message).toMatch(
      new RegExp(
        `^\\[FROND-F020\\] ${target} is in use by process ${child.process.pid}\n  at ${target}/lock\\.${child.process.pid}\\.[\\w-]+\n  hint: `,
      ),
    );
    child.process.kill('SIGKILL');
    await child.end;
    expect(claims(target)).toHaveLength(1);
    const release = await lockFolder(target);
    expect(claims(target)).toHaveLength(1);
    await release();
    expect(claims(target)).toEqual([]);
  });

  it('left by an earlier process of the same number counts for nothing, and other files are left alone', async () => {
    const target = join(folder.path, 'number');
    mkdirSync(target);
    for (const name of [`lock.${process.pid}.earlier`, 'lock', 'lock.txt', 'lock.1'])
      writeFileSync(join(target, name), '');
    const release = await lockFolder(target);
    await release();
    expect(readdirSync(target).sort()).toEqual(['lock', 'lock.1', 'lock.txt']);
  });

  it('is never held by two of four processes that race for it, stale claims among them', async () => {
    const target = join(folder.path, 'race');
    mkdirSync(target);
    const dead = startScript(script, [target, '1']);
    dead.process.kill('SIGKILL');
    await dead.end;
    const rounds = runs(300, 25);
    const children = await Promise.all(Array.from({ length: 4 }, () => start(target, rounds)));
    for (const [i, child] of children.entries()) {
      writeFileSync(join(target, `lock.${dead.process.pid}.stale-${i}`), '');
      child.process.stdin?.write('go\n');
    }
    expect(await Promise.all(children.map((child) => child.end))).toEqual([0, 0, 0, 0]);
    const lines = children.flatMap((child) => child.lines.filter((line) => line !== 'ready'));
    expect(lines).toHaveLength(4 * rounds);
    // nothing but having it and being refused: making the marker never failed
    expect(lines.filter((line) => line !== 'won' && !line.startsWith('[FROND-F020]'))).toEqual([]);
    // and they do get on: how often depends on how busy the machine is
    expect(lines.filter((line) => line === 'won').length).toBeGreaterThan(rounds / 5);
    expect(claims(target)).toEqual([]);
  }, 120_000);
});
