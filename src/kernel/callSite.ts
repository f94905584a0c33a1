/** `file:line` of the kernel author's call: the first stack frame outside of the builder. */
export function callSite(): string | undefined {
  const lines = new Error().stack?.split('\n') ?? [];
  const frame = lines.slice(1).find((line) => !/kernel\/(build|callSite)\.[jt]s/.test(line));
  const match = frame?.match(/([\w.-]+\/[\w.-]+\.[jt]s):(\d+):\d+/);
  return match ? `${match[1]}:${match[2]}` : undefined;
}
