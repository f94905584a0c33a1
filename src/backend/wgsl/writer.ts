import { defined } from '../../base/errors.ts';
import { freeName } from './names.ts';

/** The inside of a pair of braces while it is being written. */
export interface Block {
  readonly lines: string[];
  readonly names: Set<string>;
  /** expressions that have a name here: key → name */
  readonly known: Map<string, string>;
}

const emptyBlock = (): Block => ({ lines: [], names: new Set(), known: new Map() });

/**
 * Writes nested blocks of text. A line may be put into any open block: what is written into an outer one stands before
 * the inner block, which is how expressions that do not depend on a loop's counter move out of it.
 */
export class Writer {
  readonly #open: Block[] = [emptyBlock()];

  get innermost(): Block {
    return defined(this.#open[this.#open.length - 1], 'open block');
  }

  line(text: string, block: Block = this.innermost): void {
    block.lines.push(text);
  }

  /** A name that no open block has yet, declared in `block`. */
  declare(wanted: string, block: Block = this.innermost): string {
    const name = freeName(wanted, (candidate) => this.#open.some(({ names }) => names.has(candidate)));
    block.names.add(name);
    return name;
  }

  /** `head { … }` with what `body` writes inside; without head, braces only around names. */
  block(head: string, body: (block: Block) => void): void {
    const block = this.capture(body);
    if (head === '' && block.names.size === 0) {
      for (const line of block.lines) this.line(line);
      return;
    }
    this.line(head === '' ? '{' : `${head} {`);
    for (const line of block.lines) this.line(line === '' ? '' : `  ${line}`);
    this.line('}');
  }

  /** `for (head) { … }` with a counter called `wanted`, whose name is free again behind the loop. */
  loop(
    wanted: string,
    head: (counter: string) => string,
    body: (counter: string, block: Block) => void,
  ): void {
    const counter = this.declare(wanted);
    this.block(`for (${head(counter)})`, (block) => body(counter, block));
    this.innermost.names.delete(counter);
  }

  /** What `body` writes, apart from the text; used where a block is written twice to learn how it ends. */
  capture(body: (block: Block) => void): Block {
    const block = emptyBlock();
    this.#open.push(block);
    body(block);
    this.#open.pop();
    return block;
  }

  /** The name that an open block gave to the expression `key`. */
  nameOf(key: string): string | undefined {
    for (const block of this.#open) {
      const name = block.known.get(key);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  /** `let name = text;` in `block`, remembered under `key`. */
  bind(key: string, wanted: string, text: string | (() => string), block: Block = this.innermost): string {
    const known = this.nameOf(key);
    if (known !== undefined) return known;
    const name = this.let(wanted, typeof text === 'string' ? text : text(), block);
    block.known.set(key, name);
    return name;
  }

  /** `let name = text;` under a free name like `wanted`, which it gives. */
  let(wanted: string, text: string, block: Block = this.innermost): string {
    const name = this.declare(wanted, block);
    this.line(`let ${name} = ${text};`, block);
    return name;
  }

  /** `var` under a free name like `wanted`, which it gives; `rest`: type, initialiser or both. */
  var(wanted: string, rest: string): string {
    const name = this.declare(wanted);
    this.line(`var ${name}${rest};`);
    return name;
  }
}
