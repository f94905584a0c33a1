/**
 * Makes the bundled corpus of household and travel requests:
 *
 *     node examples/make-corpus.mjs            writes examples/data/home/{train,valid,test}/{seq.in,seq.out,label}
 *     node examples/make-corpus.mjs --check    writes nothing; fails where the files differ from what it would write
 *
 * Every draw comes from one seed, so the files are always the same. A slot value belongs to one of three pools, and so
 * does a sentence template. Training sees its own pools alone; nearly a third of the test sentences have a template, and a
 * fifth of all their slots a value, of which training shows nothing. Validation has held-out pools of its own.
 */
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { intents, phrases } from './corpus/intents.mjs';
import { hash, randomNumbers, settle } from './corpus/making.mjs';
import { everyday, values } from './corpus/values.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'data', 'home');
const splits = {
  train: { sentences: 3000, newTemplates: 0, newValues: 0 },
  valid: { sentences: 500, newTemplates: 0.25, newValues: 0.2 },
  test: { sentences: 500, newTemplates: 0.3, newValues: 0.2 },
};

const parseValue = (value) => {
  const parts = value.split('|');
  const [before, text, after] = parts.length === 1 ? ['', value, ''] : [...parts, ''];
  return { before, text, after };
};

/** The part that may show a value: its text alone decides, so that no other list lets it into training. */
function poolOf(text) {
  if (everyday.has(text)) return 'train';
  const share = hash(`value ${text}`) % 100;
  return share < 66 ? 'train' : share < 76 ? 'valid' : 'test';
}

function valuesOf(list, settings) {
  const entry = values[list];
  if (entry === undefined) throw new Error(`no list of values called ${list}`);
  const chosen = Array.isArray(entry) ? entry : entry[settings[entry.by]];
  if (chosen === undefined) throw new Error(`list ${list} has nothing for ${JSON.stringify(settings)}`);
  return chosen.map(parseValue);
}

/** Replaces phrases and alternatives, innermost first, until only words and slots are left. */
function expand(template, random) {
  let text = template.replace(/<(\w+)>/g, (_, name) => random.pick(phrases[name]));
  while (/\(/.test(text)) {
    text = text.replace(/\(([^()]*)\)/, (_, choices) => random.pick(choices.split('|')));
  }
  return text.split(' ').filter((word) => word !== '');
}

function fillSlot(marker, { split, settings, used, random }) {
  const [, around, slot, list] = marker.match(/^\{(@?)(\w+)(?::(\w+))?\}$/) ?? [];
  if (slot === undefined) throw new Error(`cannot read ${marker}`);
  const all = valuesOf(list ?? slot, settings).filter(({ text }) => !used.has(text));
  const known = all.filter(({ text }) => poolOf(text) === 'train');
  const held = all.filter(({ text }) => poolOf(text) === split);
  const fresh = split !== 'train' && held.length > 0 && random.chance(splits[split].newValues);
  const value = random.pick(fresh || known.length === 0 ? held : known);
  if (value === undefined) throw new Error(`${marker}: no value left for ${split}`);
  used.add(value.text);
  const tagged = value.text
    .split(' ')
    .map((word, i) => ({ word, tag: `${i === 0 ? 'B' : 'I'}-${slot}`, fresh }));
  const plain = (text) => (around && text ? text.split(' ').map((word) => ({ word, tag: 'O' })) : []);
  return [...plain(value.before), ...tagged, ...plain(value.after)];
}

/** `a` before a vowel is `an`, by sound: an hour, an 8 minute timer, a one way ticket. */
function chooseArticles(words) {
  const vowel = /^([aeiou]|hour|8|11|18)/;
  const consonant = /^(one|uni|euro|us)/;
  return words.map((entry, i) => {
    const next = words[i + 1]?.word ?? '';
    const takesAn = vowel.test(next) && !consonant.test(next);
    return entry.word === 'a' && takesAn ? { ...entry, word: 'an' } : entry;
  });
}

function templatesOf(intent, part, settings) {
  const countable = settings.goods !== undefined && settings.goods in values.quantity;
  const counted = { train: 'counted', valid: 'validCounted', test: 'testCounted' }[part];
  return [...intent[part], ...(countable ? (intent[counted] ?? []) : [])];
}

function makeSentence(split, random) {
  const names = Object.keys(intents).flatMap((name) => Array(intents[name].weight).fill(name));
  const label = random.pick(names);
  const intent = intents[label];
  const settings = Object.fromEntries(
    Object.entries(intent.settings ?? {}).map(([name, options]) => [name, random.pick(options)]),
  );
  const part = random.chance(splits[split].newTemplates) ? split : 'train';
  const template = random.pick(templatesOf(intent, part, settings));
  const used = new Set();
  const words = expand(template, random).flatMap((word) =>
    word.startsWith('{') ? fillSlot(word, { split, settings, used, random }) : [{ word, tag: 'O' }],
  );
  return { label, words: chooseArticles(words), newTemplate: part !== 'train' };
}

const wordsOf = (sentence) => sentence.words.map(({ word }) => word).join(' ');
const tagsOf = (sentence) => sentence.words.map(({ tag }) => tag).join(' ');

/** All three parts; a sentence appears once in the whole corpus. */
export function makeCorpus(seed = 2026) {
  const seen = new Set();
  return Object.fromEntries(
    Object.entries(splits).map(([split, { sentences }]) => {
      const random = randomNumbers(`${seed}/${split}`);
      const made = [];
      while (made.length < sentences) {
        const sentence = makeSentence(split, random);
        const text = wordsOf(sentence);
        if (seen.has(text) || (text.match(/please/g) ?? []).length > 1) continue;
        seen.add(text);
        made.push(sentence);
      }
      return [split, made];
    }),
  );
}

function filesOf(corpus) {
  return Object.entries(corpus).flatMap(([split, sentences]) =>
    [
      ['seq.in', wordsOf],
      ['seq.out', tagsOf],
      ['label', (sentence) => sentence.label],
    ].map(([name, line]) => ({
      path: join(folder, split, name),
      text: `${sentences.map(line).join('\n')}\n`,
    })),
  );
}

if (argv[1] === fileURLToPath(import.meta.url)) await settle(filesOf(makeCorpus()));
