import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  FrondError,
  interpreterDevice,
  loadLatest,
  palm,
  parseGraph,
  saveCheckpoint,
} from '../../src/index.ts';
import { graphFrom, graphRecord, sealOf } from '../../src/palm/record.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { bytesIn } from '../store/support/bytes.ts';
import { dice } from '../store/support/files.ts';
import { runs } from '../support/counts.ts';
import { tinyTrainer } from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const TEXTS = ['fly to rome', 'light in the attic', 'from lima please fly to oslo'];
let content: ReadonlyMap<string, Uint8Array> = new Map();
let predicted: palm.Predictions = {};

beforeAll(async () => {
  const run = join(folder.path, 'run');
  const trainer = tinyTrainer({ epochs: 1 });
  await trainer.train({ saveTo: run });
  predicted = await trainer.predict(TEXTS);
  await trainer.close();
  content = await bytesIn(await loadLatest(join(run, 'checkpoints')));
});

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

type Model = { [key: string]: Json };

const saved = (): Model => JSON.parse(new TextDecoder().decode(content.get('model.json')));

/** What a run with another model.json says; or the code of the error that refuses it. */
async function answers(model: Json): Promise<palm.Predictions | string> {
  const files = new Map(content);
  files.set('model.json', new TextEncoder().encode(JSON.stringify(model)));
  const target = join(folder.path, 'forged');
  await saveCheckpoint(target, 1, { files, summary: {} });
  try {
    const predictor = await palm.Predictor.load(target, { device: interpreterDevice() });
    const found = await predictor.predict(TEXTS);
    predictor.free();
    return found;
  } catch (cause) {
    return cause instanceof FrondError ? cause.code : `raw: ${String((cause as Error).stack)}`;
  } finally {
    rmSync(target, { recursive: true });
  }
}

type Next = (below: number) => number;

const VALUES: readonly Json[] = [
  null,
  true,
  -1,
  0,
  1,
  2,
  1.5,
  1e300,
  'x',
  '',
  '__proto__',
  [],
  {},
  [1],
  { kind: 'joint' },
  'batch',
  'NaN',
];

/** Changes one value somewhere; gives its path. */
function mutate(root: Json, next: Next): string {
  let at = root as Model;
  const path: string[] = [];
  for (;;) {
    const keys = Object.keys(at);
    const key = keys[next(keys.length)] ?? '0';
    path.push(key);
    const inner = at[key];
    if (typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0 && next(6) > 0) {
      at = inner as Model;
      continue;
    }
    const other = keys[next(keys.length)] ?? key;
    switch (next(4)) {
      case 0:
        if (Array.isArray(at)) at.splice(Number(key), 1);
        else delete at[key];
        return `${path.join('/')} is missing`;
      case 1:
        [at[key], at[other]] = [at[other] ?? null, at[key] ?? null];
        return `${path.join('/')} changes places with ${other}`;
      case 2:
        if (typeof at[key] === 'number') at[key] = Number(at[key]) + 1;
        else at[`${key}x`] = at[key] ?? null;
        return `${path.join('/')} is one more`;
      default: {
        const value = VALUES[next(VALUES.length)] ?? null;
        Object.defineProperty(at, key, { value, enumerable: true, configurable: true, writable: true });
        return `${path.join('/')} is ${JSON.stringify(value)}`;
      }
    }
  }
}

/** A path through the model, the value that is put there, and what refuses it although it was sealed again. */
const ILLEGAL: readonly (readonly [path: string, value: Json, code: string])[] = [
  ['prediction', [], 'FROND-F013'],
  ['prediction nodes', null, 'FROND-I012'],
  ['step inputs', { length: 2 }, 'FROND-I012'],
  ['prediction outputs slots.tags', 7, 'FROND-I012'],
  ['prediction outputs slots.tags', 'lengths', 'FROND-F016'],
  ['prediction nodes attention', null, 'FROND-I012'],
  ['prediction nodes attention attributes', null, 'FROND-I007'],
  ['prediction nodes attention attributes heads', 3, 'FROND-S014'],
  ['prediction nodes attention attributes causal', 'no', 'FROND-S019'],
  ['prediction nodes attention types', 'f32', 'FROND-I012'],
  ['prediction nodes attention types 0', null, 'FROND-I012'],
  ['prediction nodes attention inputs', 'linear', 'FROND-I012'],
  ['prediction nodes attention inputs 0', 'constructor', 'FROND-I001'],
  ['prediction nodes attention op', 'toString', 'FROND-I004'],
  ['prediction nodes attention phase', 'late', 'FROND-I012'],
  ['tasks', { name: 'intent' }, 'FROND-F013'],
  ['tasks 1 name', 'intent', 'FROND-F013'],
  ['tasks 1 name', 'intents', 'FROND-F013'],
  ['tasks 0 head', { classes: [] }, 'FROND-F013'],
  ['tasks 0 head kind', 'constructor', 'FROND-F014'],
  ['tasks 0 head classes 2', 'music', 'FROND-F016'],
  ['tasks 1 head labels 4', 'I-city', 'FROND-T002'],
  ['tasks 1 head labels 3', 'I-city', 'FROND-F016'],
  ['tasks 0 head classes 1', 'light', 'FROND-D012'],
  ['reader kind', 'joint ', 'FROND-F014'],
  ['reader vocabulary 2', 'sing', 'FROND-C012'],
  ['maximumLength', '12', 'FROND-F013'],
  ['kernels', [null], 'FROND-F013'],
  ['device', { name: 1, adapter: null }, 'FROND-F013'],
];

function set(model: Json, path: string, value: Json): void {
  const keys = path.split(' ');
  const last = keys.pop() ?? '';
  const parent = keys.reduce((inner, key) => (inner as Model)[key] ?? null, model);
  (parent as Model)[last] = value;
}

const sealed = async (model: Model): Promise<Model> => ({ ...model, seal: await sealOf(model) });

describe('the model of a checkpoint', () => {
  it('is taken as it was saved, and by runs of earlier versions without a seal', async () => {
    const { seal: _, ...older } = saved();
    for (const model of [saved(), older]) expect(await answers(model)).toEqual(predicted);
  });

  it('is taken from runs of versions whose attention kept one statistic of each row instead of two', async () => {
    const model = saved();
    for (const graph of ['forward', 'step', 'prediction']) {
      const nodes = Object.values((model[graph] as Model).nodes as Model) as Model[];
      const found = nodes.filter(({ op }) => op === 'attention');
      expect(found.length).toBeGreaterThan(0);
      for (const { types } of found) {
        const { shape } = (types as { shape: Json[] }[])[1] ?? { shape: [] };
        expect(shape.splice(2, 1)).toEqual([2]);
      }
    }
    expect(await answers(await sealed(model))).toEqual(predicted);
  });

  it('that is not what a run saves is refused for what is wrong, sealed or not', async () => {
    for (const [path, value, code] of ILLEGAL) {
      const model = saved();
      set(model, path, value);
      expect(await answers(await sealed(model)), `${path} = ${JSON.stringify(value)}`).toBe(code);
    }
  });

  it('that was changed anywhere is refused, or answers as before', async () => {
    const next = dice('models');
    for (let i = 0; i < runs(1500, 24); i++) {
      const model = saved();
      const what = mutate(model, next);
      const found = await answers(model);
      if (typeof found === 'string') expect(found, what).toMatch(/^FROND-[^X]\d+$/);
      else expect(found, what).toEqual(predicted);
    }
  });

  it('that was changed and sealed again is a model still, or refused with a reason', async () => {
    const next = dice('sealed models');
    for (let i = 0; i < runs(1500, 24); i++) {
      const model = saved();
      const what = mutate(model, next);
      const found = await answers(await sealed(model));
      if (typeof found === 'string') expect(found, what).toMatch(/^FROND-[^X]\d+$/);
    }
  });

  it('keeps the numbers that JSON has no word for', () => {
    const graph = parseGraph(`graph g() {
  %constant = constant() {value: [NaN, Infinity, -Infinity, 1]} : f32[4]
  %constant.1 = constant() {value: -Infinity} : f32[]
  output x = %constant
  output y = %constant.1
}
`);
    expect(graphFrom(JSON.parse(JSON.stringify(graphRecord(graph))))).toEqual(graph);
  });
});
