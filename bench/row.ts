/** One measured figure. */
export interface Row {
  /** what was run, such as `512x512x512` or `2x128x4x512 b32 t32` */
  readonly case: string;
  /** what was measured, such as `matmul f32` */
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly device: string;
  readonly threads: number;
  /** the peer of the ratio */
  readonly peer?: string;
  /** ours over the peer's, so that more is better for rates and less for times */
  readonly ratio?: number;
}

/** Milliseconds of the quickest of `rounds` calls after a warm-up: on a shared machine the minimum disturbs least. */
export async function best(rounds: number, work: () => unknown, warmup = 2): Promise<number> {
  for (let i = 0; i < warmup; i++) await work();
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await work();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}
