/** An element of XML with its children; texts are joined. */
export interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: Element[];
  text: string;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' };

function decodeText(text: string): string {
  if (/<|&(?!(amp|lt|gt|quot);)/.test(text) || /\p{Cc}/u.test(text.replaceAll('\n', '')))
    throw new Error(`not escaped: ${text}`);
  return text.replace(/&(\w+);/g, (_, name: string) => ENTITIES[name] ?? '');
}

/** Reads the subset of XML that the drawings use; throws when tags, attributes or entities are not well formed. */
export function readXml(text: string): Element {
  const root: Element = { name: '', attributes: new Map(), children: [], text: '' };
  const open: Element[] = [root];
  let end = 0;
  for (const match of text.matchAll(/<(\/?)([\w:]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|[^<]+/g)) {
    if (match.index !== end) throw new Error(`not well formed at ${end}: ${text.slice(end, end + 60)}`);
    end = match.index + match[0].length;
    const parent = open.at(-1);
    if (parent === undefined) throw new Error('everything is closed');
    const [whole, closing, name, given = '', alone] = match;
    if (name === undefined) parent.text += decodeText(whole);
    else if (closing) {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes nothing`);
    } else {
      const pairs = [...given.matchAll(/([\w:-]+)="([^"]*)"/g)].map(
        ([, key = '', value = '']) => [key, decodeText(value)] as const,
      );
      const element: Element = { name, attributes: new Map(pairs), children: [], text: '' };
      if (element.attributes.size !== pairs.length) throw new Error(`<${name}> repeats an attribute`);
      parent.children.push(element);
      if (!alone) open.push(element);
    }
  }
  if (end !== text.length || open.length !== 1) throw new Error('something is not closed');
  const [element] = root.children;
  if (element === undefined || root.children.length !== 1) throw new Error('there must be one root');
  return element;
}

/** All elements of a name, outermost first. */
export const elementsOf = (element: Element, name: string): Element[] =>
  element.children.flatMap((child) => [...(child.name === name ? [child] : []), ...elementsOf(child, name)]);

export interface Dot {
  readonly title: string;
  /** id → attributes */
  readonly nodes: ReadonlyMap<string, string>;
  readonly edges: readonly (readonly [string, string])[];
  readonly clusters: readonly string[];
}

/** Reads DOT as Graphviz would: quoted names with escapes, statements, balanced braces. Throws on anything else. */
export function readDot(text: string): Dot {
  const token = /\s*("(?:[^"\\\n]|\\.)*"|->|[{}[\];=,]|[\w.#]+)/gy;
  const tokens: string[] = [];
  let end = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    tokens.push(match[1] ?? '');
    end = token.lastIndex;
  }
  if (text.slice(end).trim() !== '') throw new Error(`no token at ${end}: ${text.slice(end, end + 60)}`);
  const name = (quoted = ''): string => quoted.slice(1, -1).replace(/\\(.)/g, '$1');
  const nodes = new Map<string, string>();
  const edges: [string, string][] = [];
  const clusters: string[] = [];
  let depth = 0;
  for (let i = 0; i < tokens.length; i++) {
    const [one = '', two = '', three = ''] = tokens.slice(i, i + 3);
    if (one === '{') depth++;
    else if (one === '}' && --depth < 0) throw new Error('a brace too many');
    else if (one === 'subgraph') clusters.push(name(two));
    else if (one === '[') {
      while (tokens[i] !== ']') if (++i >= tokens.length) throw new Error('a list is not closed');
    } else if (one.startsWith('"') && two === '->') {
      edges.push([name(one), name(three)]);
      i += 2;
    } else if (one.startsWith('"') && two === '[' && tokens[i - 1] !== '=') {
      if (nodes.has(name(one))) throw new Error(`${one} is there twice`);
      const close = tokens.indexOf(']', i);
      nodes.set(name(one), tokens.slice(i + 2, close).join(' '));
      i = close;
    }
  }
  if (depth !== 0) throw new Error('a brace is not closed');
  return { title: name(tokens[1]), nodes, edges, clusters };
}

export interface Mermaid {
  /** name → label */
  readonly nodes: ReadonlyMap<string, { readonly label: string; readonly phase: string }>;
  readonly edges: readonly (readonly [string, string])[];
  readonly subgraphs: readonly string[];
}

const decode = (text: string): string =>
  text.replace(/#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

/** Reads the flowcharts that the project writes, line by line; throws on a line that is none of them. */
export function readMermaid(text: string): Mermaid {
  const nodes = new Map<string, { label: string; phase: string }>();
  const edges: [string, string][] = [];
  const subgraphs: string[] = [];
  let depth = 0;
  const [head, ...lines] = text.trimEnd().split('\n');
  if (head !== 'flowchart TD') throw new Error(`a flowchart begins with ${head}`);
  for (const line of lines) {
    const box =
      /^ +(n\d+)(?:\[|\[\/|\[\(|\[\[|\(\[)"([^"<>`]*(?:<br\/>[^"<>`]*)?)"(?:\]|\/\]|\)\]|\]\]|\]\)):::(\w+)$/.exec(
        line,
      );
    const edge = /^ {2}(n\d+) -->(?:\|"[^"<>`]*"\|)? (n\d+)$/.exec(line);
    const scope = /^ +subgraph s\d+\["([^"<>`]*)"\]$/.exec(line);
    if (box !== null) {
      if (nodes.has(box[1] ?? '')) throw new Error(`${box[1]} is there twice`);
      nodes.set(box[1] ?? '', { label: decode(box[2] ?? ''), phase: box[3] ?? '' });
    } else if (edge !== null) edges.push([edge[1] ?? '', edge[2] ?? '']);
    else if (scope !== null) {
      subgraphs.push(decode(scope[1] ?? ''));
      depth++;
    } else if (/^ +end$/.test(line)) {
      if (--depth < 0) throw new Error('an end too many');
    } else if (!/^ {2}classDef (forward|backward|update) fill:#\w{6},stroke:#\w{6}$/.test(line)) {
      throw new Error(`what is ${line}`);
    }
  }
  if (depth !== 0) throw new Error('a subgraph is not closed');
  for (const name of edges.flat()) if (!nodes.has(name)) throw new Error(`${name} is not declared`);
  return { nodes, edges, subgraphs };
}
