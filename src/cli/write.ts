import { platform } from '#platform';

/**
 * Writes a file so that it is there whole or not at all.
 * @throws FROND-F… naming the path
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const { files } = platform;
  const temporary = `${path}.tmp`;
  await files.makeFolder(files.join(path, '..'));
  try {
    await files.writeDurably(temporary, new TextEncoder().encode(text));
    await files.rename(temporary, path);
  } finally {
    await files.remove(temporary);
  }
}
