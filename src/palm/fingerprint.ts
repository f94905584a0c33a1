import { hashName, threefry } from '../base/random.ts';

/**
 * 64 bits that tell two texts apart, as 16 hex digits: Threefry over the UTF-16 code units, chained. It guards against mistakes (a
 * checkpoint with another vocabulary), not against an adversary.
 */
export function fingerprint(text: string): string {
  let [a, b] = [text.length, hashName(text)];
  for (let i = 0; i < text.length; i += 2) {
    [a, b] = threefry(a, b, text.charCodeAt(i), i + 1 < text.length ? text.charCodeAt(i + 1) : 0x10000);
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}
