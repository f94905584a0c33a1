import { checkArguments } from '../base/arguments.ts';
import { isDim, normalDim } from '../base/dim.ts';
import { dtypeHint, isDType } from '../base/dtype.ts';
import { FrondError, type SourcePlace } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import type { Attribute, Attributes, Graph, Node, NodeId, Ref, TensorType } from './graph.ts';
import { DEEPEST, isPhase, nodesById } from './graph.ts';
import { printType } from './print.ts';

const WORDS = { true: true, false: false, null: null };
/** Numbers as JavaScript prints them, and words by themselves. */
const VALUE = /(?:true|false|null)(?![\w./-])|-?(?:NaN|Infinity|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/y;

/**
 * Reads the text form that `printGraph` writes and gives the same value back. What the graph means is `checkGraph`'s matter.
 * `file` is what messages call the text.
 * @throws FROND-I020 with line and column where the text is malformed, FROND-I002 where a name is bound twice.
 */
export function parseGraph(text: string, file = 'graph'): Graph {
  checkArguments('parseGraph', { text: is.text, file: is.optional(is.text) }, [text, file]);
  const lines = text.split(/\r?\n/);
  // not objects: a name such as __proto__ would be lost before anyone refuses it
  const nodes = new Map<NodeId, Node>();
  const outputs = new Map<string, Ref>();
  const effects: NodeId[] = [];
  let header: Header | undefined;
  let closed = false;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const cursor = new Cursor(line, file, index + 1);
    if (closed) cursor.fail('nothing may follow the closing brace');
    if (header === undefined) header = parseHeader(cursor);
    else if (cursor.take('}')) closed = true;
    else if (cursor.takeWord('output')) {
      const name = cursor.name();
      cursor.expect('=');
      if (outputs.has(name)) throw twice(`output ${name}`, cursor.place());
      outputs.set(name, cursor.ref());
    } else if (cursor.takeWord('effect')) effects.push(cursor.ref());
    else {
      const node = parseNode(cursor);
      if (nodes.has(node.id)) throw twice(`%${node.id}`, cursor.place());
      const type = header.inputs.get(node.id);
      if (type !== undefined && type !== node.types.map(printType).join())
        cursor.fail(`the first line says that ${node.id} is ${type}`);
      nodes.set(node.id, node);
    }
    cursor.expectEnd();
  }
  const end = new Cursor(lines.at(-1) ?? '', file, lines.length);
  if (header === undefined) return end.fail('there is no graph');
  if (!closed) end.fail('the closing brace is missing');
  return {
    name: header.name,
    nodes: nodesById(nodes.values()),
    inputs: [...header.inputs.keys()],
    outputs: Object.fromEntries(outputs),
    effects,
  };
}

const twice = (what: string, place: SourcePlace): FrondError =>
  new FrondError('FROND-I002', `${what} is bound twice`, { place });

interface Header {
  readonly name: string;
  /** inputs with their types, as printed */
  readonly inputs: ReadonlyMap<NodeId, string>;
}

/** `graph name(x: f32[2], …) {`; the types stand at the inputs' own lines again. */
function parseHeader(cursor: Cursor): Header {
  if (!cursor.takeWord('graph')) cursor.fail('a graph starts with the word graph');
  const name = cursor.name();
  const inputs = new Map<NodeId, string>();
  cursor.expect('(');
  cursor.list(')', () => {
    const name = cursor.name();
    if (inputs.has(name)) throw twice(`input ${name}`, cursor.place());
    cursor.expect(':');
    inputs.set(name, printType(parseType(cursor)));
  });
  cursor.expect('{');
  return { name, inputs };
}

/** `%id = op(%a, %b#1) {attributes} : f32[2] @backward  // scope · file:line` */
function parseNode(cursor: Cursor): Node {
  cursor.expect('%');
  const id = cursor.name();
  cursor.expect('=');
  const op = cursor.name();
  cursor.expect('(');
  const inputs = cursor.list(')', () => cursor.ref());
  const attributes = cursor.take('{') ? parseAttributes(cursor) : {};
  cursor.expect(':');
  const types: TensorType[] = [];
  if (cursor.take('(')) cursor.expect(')');
  else {
    do types.push(parseType(cursor));
    while (cursor.take(','));
  }
  const phase = cursor.take('@') ? cursor.name() : 'forward';
  if (!isPhase(phase)) return cursor.fail(`${phase} is not a phase`);
  const { scope, source } = parseComment(cursor);
  return { id, op, inputs, attributes, types, scope, phase, source };
}

function parseType(cursor: Cursor): TensorType {
  const dtype = cursor.name();
  if (!isDType(dtype)) return cursor.fail(`${dtype} is not a dtype: ${dtypeHint}`);
  cursor.expect('[');
  const dims = cursor.list(']', () => cursor.match(/[^\s,\]]+/y, 'a dimension'));
  return {
    dtype,
    shape: dims.map((dim) => (/^\d+$/.test(dim) ? Number(dim) : isDim(dim) ? normalDim(dim) : dim)),
  };
}

function parseComment(cursor: Cursor): { scope: string; source?: SourcePlace } {
  if (!cursor.take('//')) return { scope: '' };
  const scope = cursor.take('·') ? '' : cursor.name();
  if (scope !== '' && !cursor.take('·')) return { scope };
  const quoted = cursor.peek('"') ? cursor.string() : undefined;
  const rest = cursor.rest();
  // the last one or two numbers are line and column; a file that ends like that is quoted
  const [, file = '', line, column] = /^(.*?)(?::(\d+))?(?::(\d+))?$/.exec(rest) ?? [];
  return {
    scope,
    source: {
      file: quoted ?? file,
      ...(line === undefined ? {} : { line: Number(line) }),
      ...(column === undefined ? {} : { column: Number(column) }),
    },
  };
}

/** After the opening brace. */
function parseAttributes(cursor: Cursor, depth = 0): Attributes {
  const fields = new Map<string, Attribute>();
  cursor.list('}', () => {
    const key = cursor.peek('"')
      ? cursor.string()
      : cursor.match(/[A-Za-z_]\w*/y, 'the name of an attribute');
    if (fields.has(key)) throw twice(`attribute ${key}`, cursor.place());
    cursor.expect(':');
    fields.set(key, parseAttribute(cursor, depth));
  });
  return Object.fromEntries(fields);
}

function parseAttribute(cursor: Cursor, depth: number): Attribute {
  if (depth > DEEPEST) cursor.fail(`attributes are nested deeper than ${DEEPEST}`);
  if (cursor.peek('"')) return cursor.string();
  if (cursor.take('{')) return parseAttributes(cursor, depth + 1);
  if (cursor.take('[')) return cursor.list(']', () => parseAttribute(cursor, depth + 1));
  const text = cursor.match(VALUE, 'a value');
  const word = own<Attribute>(WORDS, text);
  return word === undefined ? Number(text) : word;
}

/** A place in one line; every method skips white space first. */
class Cursor {
  readonly #line: string;
  readonly #file: string;
  readonly #number: number;
  #at = 0;

  constructor(line: string, file: string, number: number) {
    this.#line = line;
    this.#file = file;
    this.#number = number;
  }

  place(): SourcePlace {
    return { file: this.#file, line: this.#number, column: this.#at + 1 };
  }

  fail(what: string): never {
    const hint = `the line is: ${this.#line.trim().slice(0, 120)}`;
    throw new FrondError('FROND-I020', `malformed graph text: ${what}`, { place: this.place(), hint });
  }

  peek(token: string): boolean {
    while (/\s/.test(this.#line[this.#at] ?? '')) this.#at++;
    return this.#line.startsWith(token, this.#at);
  }

  take(token: string): boolean {
    const here = this.peek(token);
    if (here) this.#at += token.length;
    return here;
  }

  /** A word by itself, not the start of a longer one. */
  takeWord(word: string): boolean {
    return this.peek(word) && !/[\w./-]/.test(this.#line[this.#at + word.length] ?? '') && this.take(word);
  }

  expect(token: string): void {
    if (!this.take(token)) this.fail(`expected ${token}`);
  }

  expectEnd(): void {
    if (!this.peek('') || this.#at < this.#line.length) this.fail('the line goes on where it should end');
  }

  match(pattern: RegExp, what: string): string {
    this.peek('');
    pattern.lastIndex = this.#at;
    const [text] = pattern.exec(this.#line) ?? [];
    if (text === undefined) return this.fail(`expected ${what}`);
    this.#at += text.length;
    return text;
  }

  name(): string {
    return this.match(/[A-Za-z_][\w./-]*/y, 'a name');
  }

  ref(): Ref {
    this.expect('%');
    return this.match(/[A-Za-z_][\w./-]*(?:#\d+)?/y, 'a name');
  }

  string(): string {
    this.peek('"');
    const start = this.#at;
    const line = this.#line;
    // a pattern would keep a place to go back to for each escape, and run out of them in a long string
    let end = start + 1;
    while (end < line.length && line[end] !== '"') end += line[end] === '\\' ? 2 : 1;
    if (line[start] !== '"' || end >= line.length) this.fail('expected a string');
    this.#at = end + 1;
    const text = line.slice(start, this.#at);
    try {
      return JSON.parse(text) as string;
    } catch {
      return this.fail(`${text} is not a string`);
    }
  }

  rest(): string {
    this.peek('');
    const text = this.#line.slice(this.#at);
    this.#at = this.#line.length;
    return text;
  }

  /** Items between commas up to `close`, which is consumed. */
  list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    if (this.take(close)) return items;
    do items.push(item());
    while (this.take(','));
    this.expect(close);
    return items;
  }
}
