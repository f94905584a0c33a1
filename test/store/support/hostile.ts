import { fileOf } from './files.ts';

interface Hostile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** what refuses it, or `accepted` for files that look odd and are legal */
  readonly code: 'FROND-W001' | 'FROND-W002' | 'accepted';
}

const W1 = 'FROND-W001';
const W2 = 'FROND-W002';
const entry = (shape: string, offsets: string, dtype = '"F32"'): string =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
const one = (shape: string, offsets: string, dtype?: string): string =>
  `{"x":${entry(shape, offsets, dtype)}}`;
const MIB = 1024 * 1024;
/** the longest header that the format allows */
const MOST = 100_000_000;

function spaces(length: number): Uint8Array {
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set([0x7b, 0x7d], 8);
  return bytes;
}

/** `count` members of a header, made by `member`. */
const members = (count: number, member: (i: number) => string): string =>
  `{${Array.from({ length: count }, (_, i) => member(i)).join(',')}}`;

function containers(): Hostile[] {
  return [
    { name: 'no bytes', bytes: new Uint8Array(0), code: W1 },
    { name: 'seven bytes', bytes: new Uint8Array(7), code: W1 },
    { name: 'a length and nothing else', bytes: new Uint8Array(8), code: W1 },
    { name: 'a length one too large', bytes: fileOf('{}', 0, 3n), code: W1 },
    { name: 'a length one too small', bytes: fileOf('{}', 0, 1n), code: W2 },
    { name: 'a length of 2^53', bytes: fileOf('{}', 0, 2n ** 53n), code: W1 },
    { name: 'a length of 2^63', bytes: fileOf('{}', 0, 2n ** 63n), code: W1 },
    { name: 'a length of 2^64 - 1', bytes: fileOf('{}', 0, 2n ** 64n - 1n), code: W1 },
    { name: 'a big-endian length', bytes: fileOf('{}', 0, 2n << 56n), code: W1 },
    { name: 'a header of one byte over 100 MB', bytes: spaces(MOST + 1), code: W1 },
    { name: 'a header of 100 MB of spaces', bytes: spaces(MOST), code: 'accepted' },
    { name: '60 MiB of opening braces', bytes: fileOf(new Uint8Array(60 * MIB).fill(0x7b)), code: W2 },
    { name: 'zeros', bytes: new Uint8Array(64), code: W1 },
    {
      name: 'a zip archive',
      bytes: new TextEncoder().encode('PK\u0003\u0004pytorch_model/data.pkl'),
      code: W1,
    },
    { name: 'a header that begins with a space', bytes: fileOf(' {}'), code: W1 },
    { name: 'a byte-order mark', bytes: fileOf('\ufeff{}'), code: W1 },
    { name: 'a list for a header', bytes: fileOf('[]'), code: W1 },
    { name: 'a number for a header', bytes: fileOf('12'), code: W1 },
    { name: 'data without a tensor', bytes: fileOf('{}', 1), code: W1 },
    { name: 'two headers', bytes: fileOf('{}{}'), code: W2 },
    { name: 'UTF-16', bytes: fileOf(Uint8Array.of(0x7b, 0, 0x7d, 0)), code: W2 },
  ];
}

function texts(): Hostile[] {
  const bad = (bytes: readonly number[]): Uint8Array =>
    fileOf(
      Uint8Array.of(
        ...new TextEncoder().encode('{"'),
        ...bytes,
        ...new TextEncoder().encode(`":${entry('[0]', '[0,0]')}}`),
      ),
    );
  return [
    { name: 'a stray continuation byte', bytes: bad([0x80]), code: W1 },
    { name: 'an overlong slash', bytes: bad([0xc0, 0xaf]), code: W1 },
    { name: 'a surrogate in UTF-8', bytes: bad([0xed, 0xa0, 0x80]), code: W1 },
    { name: 'a code point above 10FFFF', bytes: bad([0xf5, 0x80, 0x80, 0x80]), code: W1 },
    { name: 'a UTF-8 sequence cut short', bytes: bad([0xe2, 0x82]), code: W1 },
    { name: 'an escaped half of a pair', bytes: fileOf(`{"\\ud800":${entry('[0]', '[0,0]')}}`), code: W2 },
    {
      name: 'an escaped pair',
      bytes: fileOf(`{"\\ud83c\\udf34":${entry('[0]', '[0,0]')}}`),
      code: 'accepted',
    },
    { name: 'a control character in a name', bytes: fileOf(`{"\n":${entry('[0]', '[0,0]')}}`), code: W2 },
    { name: 'an unknown escape', bytes: fileOf(`{"\\x41":${entry('[0]', '[0,0]')}}`), code: W2 },
    { name: 'an escape at the end', bytes: fileOf('{"\\'), code: W2 },
    { name: 'single quotes', bytes: fileOf("{'x':1}"), code: W2 },
    { name: 'a comment', bytes: fileOf('{/**/}'), code: W2 },
    { name: 'a comma at the end', bytes: fileOf(`{"x":${entry('[0]', '[0,0]')},}`), code: W2 },
    { name: 'a comma at the end of a shape', bytes: fileOf(one('[0,]', '[0,0]')), code: W1 },
    {
      name: 'duplicate names',
      bytes: fileOf(`{"x":${entry('[1]', '[0,4]')},"x":${entry('[1]', '[4,8]')}}`, 8),
      code: W2,
    },
    {
      name: 'duplicate names, one of them escaped',
      bytes: fileOf(`{"x":${entry('[1]', '[0,4]')},"\\u0078":${entry('[1]', '[4,8]')}}`, 8),
      code: W2,
    },
    {
      name: 'a duplicate field',
      bytes: fileOf('{"x":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
      code: W2,
    },
    { name: 'metadata twice', bytes: fileOf('{"__metadata__":{},"__metadata__":{}}'), code: W2 },
    { name: 'metadata that is a number', bytes: fileOf('{"__metadata__":1}'), code: W1 },
    { name: 'metadata with a number in it', bytes: fileOf('{"__metadata__":{"a":1}}'), code: W1 },
    {
      name: 'metadata with __proto__',
      bytes: fileOf('{"__metadata__":{"__proto__":"x"}}'),
      code: 'accepted',
    },
    {
      name: 'a tensor called __proto__',
      bytes: fileOf(`{"__proto__":${entry('[1]', '[0,4]')}}`, 4),
      code: 'accepted',
    },
    {
      name: 'a prototype for a tensor',
      bytes: fileOf('{"x":{"__proto__":{"dtype":"F32"},"shape":[],"data_offsets":[0,4]}}', 4),
      code: W1,
    },
  ];
}

function tensors(): Hostile[] {
  const two = (a: string, b: string): string => `{"a":${entry('[1]', a)},"b":${entry('[1]', b)}}`;
  return [
    { name: 'a tensor that is null', bytes: fileOf('{"x":null}'), code: W1 },
    { name: 'a tensor that is a list', bytes: fileOf('{"x":[]}'), code: W1 },
    { name: 'a tensor without fields', bytes: fileOf('{"x":{}}'), code: W1 },
    { name: 'no dtype', bytes: fileOf('{"x":{"shape":[0],"data_offsets":[0,0]}}'), code: W1 },
    { name: 'no shape', bytes: fileOf('{"x":{"dtype":"F32","data_offsets":[0,0]}}'), code: W1 },
    { name: 'no offsets', bytes: fileOf('{"x":{"dtype":"F32","shape":[0]}}'), code: W1 },
    {
      name: 'an unknown field',
      bytes: fileOf('{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"y":1}}'),
      code: W1,
    },
    { name: 'an unknown dtype', bytes: fileOf(one('[1]', '[0,4]', '"F33"'), 4), code: W1 },
    { name: 'a dtype in small letters', bytes: fileOf(one('[1]', '[0,4]', '"f32"'), 4), code: W1 },
    { name: 'a dtype of the prototype', bytes: fileOf(one('[1]', '[0,4]', '"constructor"'), 4), code: W1 },
    { name: 'a dtype that is a number', bytes: fileOf(one('[1]', '[0,4]', '32'), 4), code: W1 },
    { name: 'a size of -1', bytes: fileOf(one('[-1]', '[0,4]'), 4), code: W1 },
    { name: 'a size of -0', bytes: fileOf(one('[-0]', '[0,0]')), code: W1 },
    { name: 'a size of 1.5', bytes: fileOf(one('[1.5]', '[0,6]'), 6), code: W1 },
    { name: 'a size of 1.0', bytes: fileOf(one('[1.0]', '[0,4]'), 4), code: W1 },
    { name: 'a size of 1e0', bytes: fileOf(one('[1e0]', '[0,4]'), 4), code: W1 },
    { name: 'a size of 01', bytes: fileOf(one('[01]', '[0,4]'), 4), code: W1 },
    { name: 'a size of 1e400', bytes: fileOf(one('[1e400]', '[0,4]'), 4), code: W1 },
    { name: 'a size of 2^53', bytes: fileOf(one('[9007199254740992]', '[0,4]'), 4), code: W1 },
    { name: 'a size that is a text', bytes: fileOf(one('["1"]', '[0,4]'), 4), code: W1 },
    {
      name: 'sizes whose product wraps to 4 in 64 bits',
      bytes: fileOf(one('[4294967296,4294967296]', '[0,0]')),
      code: W1,
    },
    {
      name: 'sizes whose product is rounded',
      bytes: fileOf(one('[9007199254740991,9007199254740991]', '[0,4]'), 4),
      code: W1,
    },
    {
      name: 'a huge product times zero',
      bytes: fileOf(one('[9007199254740991,9007199254740991,0]', '[0,0]')),
      code: 'accepted',
    },
    {
      name: 'a shape of rank 33',
      bytes: fileOf(one(`[${new Array(33).fill(1)}]`, '[0,4]'), 4).subarray(0),
      code: W1,
    },
    { name: 'one offset', bytes: fileOf(one('[0]', '[0]')), code: W1 },
    { name: 'three offsets', bytes: fileOf(one('[1]', '[0,4,4]'), 4), code: W1 },
    { name: 'offsets that run back', bytes: fileOf(one('[1]', '[4,0]'), 4), code: W1 },
    { name: 'an offset of 2^53', bytes: fileOf(one('[0]', '[9007199254740992,9007199254740992]')), code: W1 },
    { name: 'offsets beyond the file', bytes: fileOf(one('[2]', '[0,8]'), 4), code: W1 },
    { name: 'too few bytes for the shape', bytes: fileOf(one('[2]', '[0,4]'), 4), code: W1 },
    { name: 'a tensor twice', bytes: fileOf(two('[0,4]', '[0,4]'), 4), code: W1 },
    { name: 'an overlap', bytes: fileOf(two('[0,4]', '[2,6]'), 6), code: W1 },
    { name: 'a hole', bytes: fileOf(two('[0,4]', '[8,12]'), 12), code: W1 },
    { name: 'a hole at the beginning', bytes: fileOf(one('[1]', '[4,8]'), 8), code: W1 },
    { name: 'bytes at the end', bytes: fileOf(one('[1]', '[0,4]'), 5), code: W1 },
    {
      name: 'an empty tensor inside another',
      bytes: fileOf(`{"a":${entry('[2]', '[0,8]')},"b":${entry('[0]', '[4,4]')}}`, 8),
      code: W1,
    },
    {
      name: 'an empty tensor between others',
      bytes: fileOf(
        `{"a":${entry('[1]', '[0,4]')},"b":${entry('[0]', '[4,4]')},"c":${entry('[1]', '[4,8]')}}`,
        8,
      ),
      code: 'accepted',
    },
    {
      name: 'tensors in another order than their data',
      bytes: fileOf(two('[4,8]', '[0,4]'), 8),
      code: 'accepted',
    },
    { name: 'half a byte', bytes: fileOf(one('[3]', '[0,2]', '"F4"'), 2), code: W1 },
    { name: 'six bits by four', bytes: fileOf(one('[2,2]', '[0,3]', '"F6_E3M2"'), 3), code: 'accepted' },
    { name: 'a scalar', bytes: fileOf(one('[]', '[0,4]'), 4), code: 'accepted' },
  ];
}

/** Headers that are cheap to write and could be dear to read. */
function floods(): Hostile[] {
  return [
    {
      name: 'empty tensors by the ten thousand',
      bytes: fileOf(members(30_000, (i) => `"${i}":${entry('[0]', '[0,0]', '"U8"')}`)),
      code: 'accepted',
    },
    {
      name: 'members that are no tensors',
      bytes: fileOf(members(800_000, (i) => `"${i.toString(36)}":0`)),
      code: W1,
    },
    {
      name: 'metadata without end',
      bytes: fileOf(`{"__metadata__":${members(500_000, (i) => `"${i}":""`)}}`),
      code: W2,
    },
    { name: 'a shape without end', bytes: fileOf(one(`[${'0,'.repeat(4_000_000)}0]`, '[0,0]')), code: W1 },
    {
      name: 'a size of a million digits',
      bytes: fileOf(one(`[1${'0'.repeat(1_000_000)}]`, '[0,0]')),
      code: W1,
    },
    { name: 'deep lists', bytes: fileOf(`{"x":{"dtype":"F32","shape":${'['.repeat(4 * MIB)}`), code: W1 },
    { name: 'deep objects', bytes: fileOf('{"x":'.repeat(1_500_000)), code: W1 },
    { name: 'deep metadata', bytes: fileOf(`{"__metadata__":{"a":${'['.repeat(MIB)}`), code: W1 },
    { name: 'a name of 8 MB', bytes: fileOf(`{"${'x'.repeat(8_000_000)}":0}`), code: W1 },
    { name: 'a name without end', bytes: fileOf(`{"${'x'.repeat(8_000_000)}`), code: W2 },
    { name: 'backslashes without end', bytes: fileOf(`{"${'\\\\'.repeat(4_000_000)}`), code: W2 },
  ];
}

export const hostileFiles = (): readonly Hostile[] => [
  ...containers(),
  ...texts(),
  ...tensors(),
  ...floods(),
];
