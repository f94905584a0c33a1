import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { files as pageFiles } from '../../src/platform/browser/index.ts';
import { files } from '../../src/platform/node/index.ts';
import { loadLatest, readCheckpoint, saveCheckpoint } from '../../src/store/checkpoint.ts';
import { lockFolder } from '../../src/store/lock.ts';
import { floatsOf, readSafetensors, writeSafetensors } from '../../src/store/safetensors.ts';
import { temporaryFolder } from './support/bundle.ts';
import { contentOf } from './support/content.ts';
import { fileOf } from './support/files.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const at = (...parts: string[]): string => join(folder.path, ...parts);

/** The whole text of an error, with FOLDER for the place where this test runs. */
async function message(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof FrondError) return error.message.replaceAll(folder.path, 'FOLDER');
    throw error;
  }
  return 'no error';
}

describe('errors of safetensors say', () => {
  it('FROND-W001: what is wrong with the container', async () => {
    expect(await message(() => readSafetensors(fileOf('{}', 3), 'model.safetensors'))).toMatchInlineSnapshot(`
      "[FROND-W001] model.safetensors is not a valid safetensors file: the tensors end at byte 0, the data at 3
        at model.safetensors
        hint: the file is damaged or was not written by a safetensors library; copy it again"
    `);
  });

  it('FROND-W002: where the header stops being JSON', async () => {
    expect(
      await message(() => readSafetensors(fileOf('{"a":{"dtype":"F32",}}'), 'model.safetensors')),
    ).toMatchInlineSnapshot(`
      "[FROND-W002] model.safetensors: malformed JSON at offset 20: expected "
        at model.safetensors:1:21
        hint: the file is damaged, or was edited by hand"
    `);
  });

  it('FROND-W003: why a tensor cannot be stored', async () => {
    const tensors = new Map([['x', { dtype: 'F32', shape: [2], bytes: new Uint8Array(4) }]] as const);
    expect(await message(() => writeSafetensors({ tensors, metadata: new Map() }))).toMatchInlineSnapshot(`
      "[FROND-W003] tensor "x" cannot be stored: 4 bytes for F32 [2]
        hint: a stored tensor has a name in valid Unicode, whole sizes, and as many bytes as its shape says"
    `);
    const reserved = new Map([
      ['__metadata__', { dtype: 'U8', shape: [0], bytes: new Uint8Array(0) }],
    ] as const);
    expect(
      await message(() => writeSafetensors({ tensors: reserved, metadata: new Map() })),
    ).toMatchInlineSnapshot(`
      "[FROND-W003] tensor "__metadata__" cannot be stored: the format keeps this name for itself
        hint: a stored tensor has a name in valid Unicode, whole sizes, and as many bytes as its shape says"
    `);
    const halved = new Map([['\ud800', { dtype: 'U8', shape: [0], bytes: new Uint8Array(0) }]] as const);
    expect(
      await message(() => writeSafetensors({ tensors: halved, metadata: new Map() })),
    ).toMatchInlineSnapshot(`
      "[FROND-W003] tensor "\\ud800" cannot be stored: its name holds half of a surrogate pair
        hint: a stored tensor has a name in valid Unicode, whole sizes, and as many bytes as its shape says"
    `);
    const long = 'x'.repeat(100_000_000);
    const many = new Map([[long, { dtype: 'U8', shape: [0], bytes: new Uint8Array(0) }]] as const);
    expect(
      await message(() => writeSafetensors({ tensors: many, metadata: new Map() })),
    ).toMatchInlineSnapshot(`
      "[FROND-W003] 1 tensors cannot be stored in one file
        hint: their names and shapes take 100000056 bytes, a header holds at most 100000000"
    `);
  });

  it('FROND-W004: which element type was expected', async () => {
    const tensor = { dtype: 'I64', shape: [0], bytes: new Uint8Array(0) } as const;
    expect(
      await message(() => floatsOf(tensor, 'encoder/weight', 'model.safetensors')),
    ).toMatchInlineSnapshot(`
      "[FROND-W004] tensor "encoder/weight" is I64, which is not supported as numbers here: F32 was expected
        at model.safetensors
        hint: convert it to F32 before saving it"
    `);
  });
});

describe('errors of files say', () => {
  it('FROND-F041: which file is not there', async () => {
    expect(await message(() => files.readBytes(at('none')))).toMatchInlineSnapshot(`
      "[FROND-F041] cannot read FOLDER/none: ENOENT
        at FOLDER/none
        hint: check the path"
    `);
  });

  it('FROND-F002: what the system refused', async () => {
    expect(await message(() => files.readBytes(folder.path))).toMatchInlineSnapshot(`
      "[FROND-F002] cannot read FOLDER: EISDIR
        at FOLDER
        hint: this is a folder, a file was expected"
    `);
  });

  it('FROND-F003: that a page has no files', async () => {
    expect(await message(() => pageFiles.readBytes('run/x'))).toMatchInlineSnapshot(`
      "[FROND-F003] this page has no private file system
        hint: serve it from https or localhost in a current browser"
    `);
  });

  it('FROND-F004: where a text stops being UTF-8', async () => {
    writeFileSync(at('latin.txt'), Buffer.from('one\ncaf\xe9\n', 'latin1'));
    expect(await message(() => files.readText(at('latin.txt')))).toMatchInlineSnapshot(`
      "[FROND-F004] FOLDER/latin.txt is not UTF-8 text
        at FOLDER/latin.txt:2:4
        hint: save the file as UTF-8"
    `);
  });
});

describe('errors of checkpoints say', () => {
  it('FROND-F010: why one is not whole', async () => {
    const path = await saveCheckpoint(at('f010'), 1, contentOf(1));
    rmSync(join(path, 'weights.bin'));
    expect(await message(() => readCheckpoint(path))).toMatchInlineSnapshot(`
      "[FROND-F010] checkpoint FOLDER/f010/step-000001 is not whole: weights.bin is missing
        at FOLDER/f010/step-000001
        hint: load the run instead, which takes its newest whole checkpoint"
    `);
  });

  it('FROND-F011: that a later version wrote it', async () => {
    const path = join(await saveCheckpoint(at('f011'), 1, contentOf(1)), 'manifest.json');
    const open = readFileSync(path, 'utf8')
      .replace('"format": 1', '"format": 7')
      .replace(/"seal": "\w+"/, '"seal": ""');
    writeFileSync(
      path,
      open.replace('"seal": ""', `"seal": "${createHash('sha256').update(open).digest('hex')}"`),
    );
    expect(await message(() => loadLatest(at('f011')))).toMatchInlineSnapshot(`
      "[FROND-F011] FOLDER/f011/step-000001/manifest.json has format 7, this version reads 1
        at FOLDER/f011/step-000001/manifest.json
        hint: update frond"
    `);
  });

  it('FROND-F012: that there is none, naming those that are damaged', async () => {
    expect(await message(() => loadLatest(at('nowhere')))).toMatchInlineSnapshot(`
      "[FROND-F012] there is no whole checkpoint in FOLDER/nowhere
        at FOLDER/nowhere
        hint: a run saves its first checkpoint at the end of an epoch, or when it is interrupted; before that, start again"
    `);
    mkdirSync(at('f012', 'step-000003'), { recursive: true });
    expect(await message(() => loadLatest(at('f012')))).toMatchInlineSnapshot(`
      "[FROND-F012] there is no whole checkpoint in FOLDER/f012 (damaged: step-000003)
        at FOLDER/f012
        hint: none can be used: start a new run in another folder"
    `);
  });

  it('FROND-F015: which name a file cannot have', async () => {
    const content = { files: new Map([['../weights', new Uint8Array(0)]]), summary: {} };
    expect(await message(() => saveCheckpoint(at('f015'), 1, content))).toMatchInlineSnapshot(`
      "[FROND-F015] "../weights" is not a name for a file of a checkpoint
        hint: use letters, digits, dots, dashes and underscores"
    `);
  });

  it('FROND-F020: who uses the folder', async () => {
    const release = await lockFolder(at('f020'));
    const text = await message(() => lockFolder(at('f020')));
    await release();
    expect(text.replace(/lock\.\d+\.[\w-]+/, 'lock.PROCESS.CLAIM')).toMatchInlineSnapshot(`
      "[FROND-F020] FOLDER/f020 is in use by another run of this process
        at FOLDER/f020/lock.PROCESS.CLAIM
        hint: wait for it to end, or choose another output folder; if that process is no run of frond, delete the file"
    `);
  });

  it('FROND-F021: that a later checkpoint of another run is there', async () => {
    await saveCheckpoint(at('f021'), 9, contentOf(9));
    expect(await message(() => saveCheckpoint(at('f021'), 3, contentOf(3)))).toMatchInlineSnapshot(`
      "[FROND-F021] FOLDER/f021 has a checkpoint of step 9, this run is at step 3
        at FOLDER/f021/step-000009
        hint: resume the run that is there, or save to another folder"
    `);
  });
});
