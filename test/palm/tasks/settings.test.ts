import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrondError } from '../../../src/base/errors.ts';
import { singleTasks } from '../../../src/palm/experiment.ts';
import { readSettings } from '../../../src/palm/tasks/read.ts';
import { tasksSchema } from '../../../src/palm/tasks/settings.ts';
import { runs } from '../../support/counts.ts';
import { withComments } from './comments.ts';

const SCHEMA = new URL('../../../docs/tasks.schema.json', import.meta.url);

const TASKS = `{
  "$schema": "../docs/tasks.schema.json",
  "data": { "home": { "format": "joint", "folder": "data/home" } },
  "tasks": {
    "intent": { "kind": "classify", "labelSmoothing": 0.1 },
    "slots": { "kind": "sequenceLabel", "mixRatio": 1.5 }
  },
  "backbone": { "kind": "compact", "width": 32 },
  "optimizer": { "rate": 0.002, "schedule": { "kind": "cosineDecay" }, "groups": [{ "match": "*", "freeze": 3 }] },
  "training": { "epochs": 2, "temperature": [1, 5], "best": "slots.f1" }
}`;

/** What is said of a text: code, place, summary and hint. */
function faultIn(text: string): string {
  try {
    readSettings(text, 'tasks.json');
  } catch (error) {
    if (error instanceof FrondError) return error.message;
    throw error;
  }
  return 'none';
}

describe('the JSON schema of tasks files', () => {
  it('is published as the table of settings makes it; FROND_UPDATE_DOCS=1 writes it anew', () => {
    const wanted = `${JSON.stringify(withComments(tasksSchema()), null, 2)}\n`;
    if (process.env.FROND_UPDATE_DOCS) writeFileSync(SCHEMA, wanted);
    expect(readFileSync(SCHEMA, 'utf8')).toBe(wanted);
  });

  it('says of every setting what it may be', () => {
    const silent: string[] = [];
    const visit = (schema: unknown, path: string): void => {
      if (typeof schema !== 'object' || schema === null) return;
      const { properties = {} } = schema as { readonly properties?: Record<string, object> };
      for (const [name, property] of Object.entries(properties))
        if (!['type', 'enum', 'const', 'anyOf', 'oneOf'].some((key) => key in property))
          silent.push(`${path}.${name}`);
      for (const [key, inner] of Object.entries(schema)) visit(inner, `${path}.${key}`);
    };
    visit(JSON.parse(readFileSync(SCHEMA, 'utf8')), '');
    expect(silent).toEqual([]);
    expect(readFileSync(SCHEMA, 'utf8')).not.toContain('*/');
  });
});

describe('settings of a tasks file', () => {
  it('have defaults for what is left out', () => {
    const settings = readSettings(TASKS, 'tasks.json');
    expect(settings).toMatchObject({
      policy: 'alternate',
      backbone: { kind: 'compact', width: 32, layers: 2, maximumLength: 128 },
      optimizer: { rate: 0.002, schedule: { kind: 'cosineDecay' } },
      seeds: [1],
    });
    // as they are saved with a run: they say the same again
    expect(readSettings(JSON.stringify(settings), 'saved.json')).toEqual(settings);
  });

  it.each([
    ['"clasify"', '"classify"', 'tasks.intent.kind is "clasify"', '5:25', 'did you mean classify?'],
    ['"mixratio"', '"mixRatio"', 'tasks.slots has no setting mixratio', '6:41', 'did you mean mixRatio?'],
    ['"compct"', '"compact"', 'backbone.kind is "compct"', '8:25', 'did you mean compact?'],
    ['"epochs": 0', '"epochs": 2', 'training.epochs is 0', '10:27', 'give a positive whole number'],
    ['"rate": true', '"rate": 0.002', 'optimizer.rate is true', '9:26', 'give a finite number above 0'],
    [
      '[1]',
      '[1, 5]',
      'training.temperature is a list',
      '10:45',
      'give a finite number above 0 or a pair of such numbers',
    ],
    ['"polcy": 1, "data"', '"data"', 'the file has no setting polcy', '3:3', 'did you mean policy?'],
    ['{}', '{ "kind": "cosineDecay" }', 'optimizer.schedule.kind is missing', '9:45', 'give one of constant'],
    ['"Joint"', '"joint"', 'data.home.format is "Joint"', '3:33', 'did you mean joint?'],
    [
      '"reuseHeadWith": "slot"',
      '"labelSmoothing": 0.1',
      'there is no task "slot"',
      '5:54',
      'give one of intent, slots',
    ],
    [
      '"kind": "regress"',
      '"kind": "sequenceLabel", "mixRatio": 1.5',
      'task slots is of kind regress, its data set is joint',
      '6:24',
      'give classify',
    ],
    [
      '"maximumLength": 8',
      '"labelSmoothing": 0.1',
      'maximumLength has no effect: the data set of task intent is joint',
      '5:54',
      'leave it out',
    ],
    [
      '"end": 0',
      '"kind": "cosineDecay"',
      'optimizer.schedule.kind is missing',
      '9:45',
      'give one of constant',
    ],
    [
      '{ "kind": "triangular", "end": 0 }',
      '{ "kind": "cosineDecay" }',
      'optimizer.schedule has no setting end',
      '9:69',
      'It has: kind, warmup',
    ],
    [
      '{ "kind": "polynomialDecay" }',
      '{ "kind": "cosineDecay" }',
      'optimizer.schedule.power is missing',
      '9:45',
      'give a finite number above 0',
    ],
    [
      '"tokenizer": { "kind": "file", "file": "tokenizer.json", "lowercase": true }, "tasks"',
      '"tasks"',
      'lowercase has no effect: tokenizer.json says how text is spelt',
      '4:73',
      'leave it out',
    ],
    [
      '"data": {}',
      '"data": { "home": { "format": "joint", "folder": "data/home" } }',
      'there are no data sets',
      '3:11',
      'give at least one',
    ],
    ['"data": "house"', '"mixRatio": 1.5', 'there is no data set "house"', '6:49', 'give one of home'],
    ['"reference": "x"', '"epochs": 2', 'there is no task "x"', '10:30', 'give one of intent, slots'],
  ])('%s is refused with its place and what to do', (wrong, right, what, place, hint) => {
    const fault = faultIn(TASKS.replace(right, wrong));
    expect(fault).toContain(`[FROND-T040] ${what}\n  at tasks.json:${place}\n  hint: `);
    expect(fault).toContain(hint);
  });

  it('names the place of what is no JSON', () => {
    expect(faultIn(TASKS.replace('"slots":', '"slots"'))).toMatch(
      /^\[FROND-W002\].*\n {2}at tasks.json:6:13\n/,
    );
    expect(faultIn(TASKS.replace('"epochs"', '"best"'))).toMatch(
      /duplicate name "best"\n {2}at tasks.json:10:/,
    );
  });

  it('are read or refused with a typed code, however a file is damaged', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      ':',
      'null',
      '-1',
      '1e999',
      '"kind"',
      '"__proto__"',
      '\\',
      '\n',
      '\0',
    ];
    const damage = fc.array(
      fc.record({
        at: fc.nat(TASKS.length),
        cut: fc.nat(12),
        put: fc.oneof(fc.constantFrom(...pieces, ''), fc.string({ maxLength: 3 })),
      }),
      { minLength: 1, maxLength: 4 },
    );
    let slowest = 0;
    let [refused, all] = [0, 0];
    fc.assert(
      fc.property(damage, (list) => {
        const text = list.reduce(
          (some, { at, cut, put }) => some.slice(0, at) + put + some.slice(at + cut),
          TASKS,
        );
        const begin = performance.now();
        const fault = faultIn(text);
        slowest = Math.max(slowest, performance.now() - begin);
        all++;
        if (fault === 'none') return;
        refused++;
        expect(fault).toMatch(/^\[FROND-(T040|W002)\] .+\n {2}at tasks\.json:\d+:\d+\n {2}hint: ./);
      }),
      { seed: 9, numRuns: runs(20_000, 1000) },
    );
    expect(refused).toBeGreaterThan(all / 2);
    expect(slowest).toBeLessThan(1000);
  });
});

describe('tasks by themselves, as an experiment compares them', () => {
  it('keep their settings, without what is said of several', () => {
    const text = TASKS.replace(
      '"training": {',
      '"balance": { "kind": "pcGrad" }, "training": { "reference": "intent",',
    );
    const settings = readSettings(text, 'tasks.json');
    const { intent, slots, ...others } = singleTasks(settings);
    expect(others).toEqual({});
    expect(slots).toMatchObject({
      tasks: { slots: settings.tasks.slots },
      training: { epochs: 2, best: 'slots.f1' },
    });
    expect(intent?.training).toEqual({ epochs: 2, temperature: [1, 5] });
    for (const alone of [intent, slots]) expect(alone).not.toHaveProperty('balance');
  });
});
