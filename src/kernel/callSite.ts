/**
 * `file:line` of the kernel author's call: the first stack frame outside of the builder. It is read when it is asked for, as
 * writing a stack out takes longer than tracing, and few kernels are ever complained about.
 */
export function callSite(): () => string | undefined {
  const here = new Error();
  return () => {
    const lines = here.stack?.split('\n') ?? [];
    const frame = lines.slice(1).find((line) => !/kernel\/(build|callSite)\.[jt]s/.test(line));
    const match = frame?.match(/([\w.-]+\/[\w.-]+\.[jt]s):(\d+):\d+/);
    return match ? `${match[1]}:${match[2]}` : undefined;
  };
}
