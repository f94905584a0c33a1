/*
 * A second opinion on safetensors files, in another style than the reader: the header's grammar as regular expressions, exact
 * integers, and a count of how often each byte of the data is claimed. Says yes or no, slowly and without limits of its own.
 */
const WS = '[ \\t\\n\\r]*';
const STRING = '"(?:[^"\\\\\\u0000-\\u001f]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"';
const NATURAL = '(?:0|[1-9][0-9]*)';
const list = (item: string): string => `\\[${WS}(?:${item}${WS}(?:,${WS}${item}${WS})*)?\\]`;
const object = (value: string): string => {
  const member = `${WS}${STRING}${WS}:${WS}${value}${WS}`;
  return `\\{(?:${WS}|${member}(?:,${member})*)\\}`;
};
const FIELDS = object(`(?:${STRING}|${list(NATURAL)})`);
const HEADER = new RegExp(
  `^\\{(?:${WS}|${WS}${STRING}${WS}:${WS}${FIELDS}${WS}(?:,${WS}${STRING}${WS}:${WS}${FIELDS}${WS})*)\\}${WS}$`,
);
const MEMBER = new RegExp(`(${STRING})${WS}:${WS}(${FIELDS}|${STRING}|${list(NATURAL)})`, 'g');

/** In bits, as version 0.8 of the reference library has them. */
const WIDTHS = new Map<string, bigint>(
  [
    ['F4', 4n],
    ['F6_E2M3 F6_E3M2', 6n],
    ['BOOL U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ', 8n],
    ['U16 I16 F16 BF16', 16n],
    ['U32 I32 F32', 32n],
    ['U64 I64 F64 C64', 64n],
  ].flatMap(([names, width]) =>
    String(names)
      .split(' ')
      .map((name) => [name, width as bigint] as const),
  ),
);

/** Names with the source text of their values; undefined where a name stands twice or is no Unicode text. */
function membersOf(source: string): Map<string, string> | undefined {
  const members = new Map<string, string>();
  for (const [, key = '""', value = ''] of source.slice(1).matchAll(MEMBER)) {
    const name = String(JSON.parse(key));
    if (members.has(name) || encodeURIComponentFails(name)) return undefined;
    members.set(name, value);
  }
  return members;
}

/** encodeURIComponent refuses just those texts that UTF-8 cannot say. */
function encodeURIComponentFails(text: string): boolean {
  try {
    encodeURIComponent(text);
    return false;
  } catch {
    return true;
  }
}

const numbers = (source: string | undefined): bigint[] | undefined =>
  source?.startsWith('[') ? [...source.matchAll(/\d+/g)].map(([digits]) => BigInt(digits)) : undefined;

const SAFE = 2n ** 53n - 1n;

function claims(fields: Map<string, string>): readonly [bigint, bigint] | undefined {
  if ([...fields.keys()].sort().join() !== 'data_offsets,dtype,shape') return undefined;
  const shape = numbers(fields.get('shape'));
  const offsets = numbers(fields.get('data_offsets'));
  const dtype = fields.get('dtype') ?? '';
  const width = dtype.startsWith('"') ? WIDTHS.get(String(JSON.parse(dtype))) : undefined;
  if (shape === undefined || offsets?.length !== 2 || width === undefined) return undefined;
  if ([...shape, ...offsets].some((value) => value > SAFE)) return undefined;
  const [begin = 0n, end = 0n] = offsets;
  return 8n * (end - begin) === shape.reduce((x, y) => x * y, width) ? [begin, end] : undefined;
}

export function isValidSafetensors(file: Uint8Array): boolean {
  const bytes = Buffer.from(file);
  if (bytes.length < 8) return false;
  const length = bytes.readBigUInt64LE();
  if (length > BigInt(bytes.length - 8)) return false;
  const header = bytes.subarray(8, 8 + Number(length));
  const text = header.toString('utf8');
  if (!Buffer.from(text).equals(header) || !HEADER.test(text)) return false;
  const data = bytes.length - 8 - Number(length);
  const claimed = new Uint8Array(data);
  const spans: (readonly [bigint, bigint])[] = [];
  const members = membersOf(text);
  if (members === undefined) return false;
  for (const [name, source] of members) {
    const fields = membersOf(source);
    if (fields === undefined) return false;
    if (name === '__metadata__') {
      for (const value of fields.values())
        if (!value.startsWith('"') || encodeURIComponentFails(String(JSON.parse(value)))) return false;
      continue;
    }
    const span = claims(fields);
    if (span === undefined || span[1] > BigInt(data)) return false;
    spans.push(span);
    for (let at = Number(span[0]); at < Number(span[1]); at++) claimed[at] = (claimed[at] ?? 0) + 1;
  }
  // an empty tensor stands between two others, not inside one
  const edges = new Set([0n, ...spans.filter(([begin, end]) => end > begin).flat()]);
  return claimed.every((count) => count === 1) && spans.every(([begin]) => edges.has(begin));
}
