/**
 * Makes the small data sets of the examples, each with train, valid and test:
 *
 *     node examples/make-data.mjs            writes examples/data/{sentiment,matching,entities,text}
 *     node examples/make-data.mjs --check    writes nothing; fails where the files differ from what it would write
 *
 * - sentiment: reviews, `text_a TAB label`. The last word on a matter decides; negations and contrasts mislead who counts words.
 * - matching: pairs of questions, `text_a TAB text_b TAB label`: 1 where both ask the same.
 * - entities: sentences in CoNLL columns, a word and its tag (BIO) on each line.
 * - text: reviews without labels, one a line, with words that the labelled ones of training do not show.
 *
 * Every draw comes from one seed, so the files are always the same.
 */
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { hash, randomNumbers, settle } from './corpus/making.mjs';
import {
  companies,
  firstNames,
  lastNames,
  news,
  places,
  questions,
  review,
  topics,
} from './corpus/words.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'data');
const SIZES = { train: 400, valid: 70, test: 90 };
/** Comparing two texts takes more examples than reading one; of texts without labels there are always more. */
const PAIRS = { ...SIZES, train: 1600 };
const TEXTS = { ...SIZES, train: 2000 };

/** Fills `{name}` by what `choose` gives for it. */
const fill = (template, choose) => template.replace(/\{(\w+)\}/g, (_, name) => choose(name));
const an = (text) => text.replace(/\b(a) (?=[aeiou])/gi, '$1n ');
const sentence = (text) => an(text).replace(/\bi\b|^[a-z]/g, (letter) => letter.toUpperCase());

/** Words that the labelled part of training does not show: a fifth of all. */
const isHeldOut = (word) => hash(`review ${word}`) % 5 === 0;

/** A review of one matter, positive or negative as a whole; `known`: of words that labelled training may show. */
function makeReview(random, known) {
  const label = random.chance(0.5) ? 'positive' : 'negative';
  const other = label === 'positive' ? 'negative' : 'positive';
  const matter = random.pick(Object.keys(review.matters));
  const mood = (of) => random.pick(known ? review[of].filter((word) => !isHeldOut(word)) : review[of]);
  const choose = (name) =>
    ({
      matter: () => matter,
      part: () => random.pick(review.matters[matter]),
      good: () => mood(label),
      bad: () => mood(other),
    })[name]?.() ?? random.pick(review[name]);
  const templates = random.chance(0.3) ? review.contrasts : [...review.plain, ...review[`only_${label}`]];
  return { label, text: sentence(fill(random.pick(templates), choose)) };
}

/** As many as are asked for, none twice in `seen`. */
function distinct(count, seen, make, keyOf) {
  const made = [];
  while (made.length < count) {
    const one = make(made.length);
    const key = keyOf(one);
    if (seen.has(key)) continue;
    seen.add(key);
    made.push(one);
  }
  return made;
}

/** Two questions about one thing: two ways to ask the same, or to ask something else. */
function makePair(random, same) {
  const topic = random.pick(Object.keys(questions));
  const asked = random.pick(questions[topic]);
  const first = random.pick(asked);
  const others = same
    ? asked.filter((text) => text !== first)
    : questions[topic].filter((list) => list !== asked).flat();
  const value = random.pick(topics[topic]);
  return { a: fill(first, () => value), b: fill(random.pick(others), () => value), label: +same };
}

/** Words of a sentence with their tags; training has its own half of the names, the other parts have all. */
function makeNews(random, known) {
  const fresh = (list) => (known ? list.filter((name) => hash(`news ${name}`) % 4 !== 0) : list);
  const names = {
    PER: () =>
      random.chance(0.7)
        ? `${random.pick(fresh(firstNames))} ${random.pick(fresh(lastNames))}`
        : random.pick(fresh(lastNames)),
    LOC: () => random.pick(fresh(places)),
    ORG: () => random.pick(fresh(companies)),
  };
  return random
    .pick(news)
    .split(' ')
    .flatMap((word) => {
      const [, type] = word.match(/^\{(\w+)\}$/) ?? [];
      if (type === undefined) return [[word, 'O']];
      if (!(type in names)) return [[random.pick(topics[type]), 'O']];
      return names[type]()
        .split(' ')
        .map((name, i) => [name, `${i === 0 ? 'B' : 'I'}-${type}`]);
    });
}

const table = (columns, rows) => `${[columns, ...rows].map((row) => row.join('\t')).join('\n')}\n`;

/** The four data sets: path and text of each file. */
export function makeData(seed = 2026) {
  const seen = { sentiment: new Set(), matching: new Set(), entities: new Set() };
  const parts = (name, make, sizes = SIZES) =>
    Object.entries(sizes).map(([part, size]) => make(part, size, randomNumbers(`${seed}/${name}/${part}`)));
  const files = [
    ...parts('sentiment', (part, size, random) => {
      const made = distinct(
        size,
        seen.sentiment,
        () => makeReview(random, part !== 'test'),
        ({ text }) => text,
      );
      const rows = made.map(({ text, label }) => [text, label]);
      return [`sentiment/${part}.tsv`, table(['text_a', 'label'], rows)];
    }),
    ...parts(
      'matching',
      (part, size, random) => {
        const made = distinct(
          size,
          seen.matching,
          (i) => makePair(random, i % 2 === 0),
          ({ a, b }) => [a, b].sort().join('\t'),
        );
        const rows = made.map(({ a, b, label }) => [a, b, label]);
        return [`matching/${part}.tsv`, table(['text_a', 'text_b', 'label'], rows)];
      },
      PAIRS,
    ),
    ...parts('entities', (part, size, random) => {
      const made = distinct(size, seen.entities, () => makeNews(random, part === 'train'), String);
      const blocks = made.map((words) => words.map((entry) => `${entry.join('\t')}\n`).join(''));
      return [`entities/${part}.conll`, blocks.join('\n')];
    }),
    ...parts(
      'text',
      (part, size, random) => {
        const made = distinct(
          size,
          seen.sentiment,
          () => makeReview(random, false),
          ({ text }) => text,
        );
        return [`text/${part}.txt`, `${made.map(({ text }) => text).join('\n')}\n`];
      },
      TEXTS,
    ),
  ];
  return files.map(([name, text]) => ({ path: join(folder, name), text }));
}

if (argv[1] === fileURLToPath(import.meta.url)) await settle(makeData());
