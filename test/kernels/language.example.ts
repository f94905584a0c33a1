import { traceKernel } from 'frond';

/** out[row] = Σ over columns of x[row, column]²: a block of four rows per program, 16 columns at a time. */
export const squares = traceKernel(
  { name: 'squares', doc: 'out = Σ x² along rows', schedule: { tiles: { r: 4, c: 16 } } },
  (k) => {
    const x = k.read('x');
    const out = k.write('out');
    const [rows, columns] = [k.parameter('rows'), k.parameter('columns')];
    const r = k.axis('r', 4);
    const c = k.axis('c', 16);
    const R = k.span(r, k.mul(k.program(0), 4), rows);
    const [total] = k.loop(0, columns, 16, [k.fill([r, c], 0)], (start, ...carried) => {
      const C = k.span(c, start, columns);
      const tile = k.load(x, [
        [R, columns],
        [C, 1],
      ]);
      return carried.map((sum) => k.add(sum, k.mul(tile, tile)));
    });
    if (total) k.store(out, [[R, 1]], k.sum(total, c));
  },
);
