/** Turns a kernel into steps over preallocated tiles, in the order of its statements. */
import { defined } from '../../base/errors.ts';
import type { Loop, Region, Value, When } from '../../kernel/ir.ts';
import { operandsOf, termOperands } from './analysis.ts';
import { endlessLoop } from './definition.ts';
import { awaited, extentStep, resetStep } from './extents.ts';
import { copyBlock } from './loops/memory.ts';
import { loadStep } from './memorySteps.ts';
import {
  extentsOf,
  ownTile,
  type Preparation,
  precisionOf,
  runSteps,
  type Step,
  tileOf,
} from './preparation.ts';
import { Sequence } from './sequence.ts';
import { broadcast, denseTile, extents, strideIn, swapTiles, type Tile, uniformTile } from './tile.ts';
import { dotStep, reduceStep } from './tileSteps.ts';

export interface Plan {
  /** what is the same in every program of a launch */
  readonly perLaunch: readonly Step[];
  readonly perProgram: readonly Step[];
}

export function preparePlan(at: Preparation): Plan {
  const perLaunch = new Sequence(at);
  perLaunch.steps.push(...at.rules.map(({ axis }) => resetStep(at, axis)));
  const perProgram = regionSteps(at, at.kernel.body, perLaunch);
  perLaunch.flush();
  return { perProgram, perLaunch: perLaunch.steps };
}

function regionSteps(at: Preparation, region: Region, perLaunch: Sequence): Step[] {
  const sequence = new Sequence(at);
  const waiting = at.rules
    .filter((rule) => rule.region === region)
    .map((rule) => ({ rule, scalars: new Set(awaited(rule)) }));
  sequence.steps.push(...waiting.map(({ rule }) => resetStep(at, rule.axis)));
  /** sets the extents whose last scalar is `value` */
  const settle = (value: Value | undefined): void => {
    for (const { rule, scalars } of waiting) {
      const isNext = value === undefined ? scalars.size === 0 : scalars.delete(value) && scalars.size === 0;
      if (!isNext) continue;
      const needed = rule.spans.flatMap(({ start, limit }) => [start, limit]);
      perLaunch.need(needed);
      sequence.need(needed);
      sequence.steps.push(extentStep(at, rule));
    }
  };
  settle(undefined);
  for (const statement of region.statements) {
    if (statement.kind === 'let') {
      const { value } = statement;
      if (!at.analysis.isLive(value)) continue;
      if (at.analysis.isUniform(value)) place(at, value, perLaunch);
      else {
        perLaunch.need(operandsOf(value));
        place(at, value, sequence);
      }
      settle(value);
      continue;
    }
    if (statement.kind === 'store') {
      perLaunch.need([statement.value, ...termOperands(statement.terms)]);
      sequence.store(statement);
      continue;
    }
    sequence.flush();
    perLaunch.flush();
    if (statement.kind === 'loop') sequence.steps.push(loopStep(at, statement, perLaunch));
    else sequence.steps.push(whenStep(at, statement, perLaunch));
  }
  sequence.flush();
  perLaunch.flush();
  return sequence.steps;
}

/** Puts the computation of `value` at the end of a sequence, or into one of its groups. */
function place(at: Preparation, value: Value, sequence: Sequence): void {
  if (sequence.take(value)) return;
  if (value.op === 'load' && value.buffer.access !== 'read') sequence.flushStores();
  sequence.need(operandsOf(value));
  const step = valueStep(at, value);
  if (step) sequence.steps.push(step);
}

function whenStep(at: Preparation, when: When, perLaunch: Sequence): Step {
  const condition = tileOf(at, when.condition);
  const body = regionSteps(at, when.body, perLaunch);
  return () => {
    if (condition.data[condition.offset] !== 0) runSteps(body);
  };
}

/** The step that computes `value` into its tile, or nothing where its tile is another's or filled from outside. */
function valueStep(at: Preparation, value: Value): Step | undefined {
  switch (value.op) {
    case 'constant':
    case 'fill':
      at.tiles.set(value, uniformTile(value.axes, value.dtype, at.precision, value.value));
      return undefined;
    case 'arange': {
      const { data } = ownTile(at, value);
      for (let i = 0; i < data.length; i++) data[i] = i;
      return undefined;
    }
    case 'program': {
      const tile = ownTile(at, value);
      return () => {
        tile.data[0] = at.program[value.dimension] as number;
      };
    }
    case 'rename':
      at.tiles.set(value, tileOf(at, value.arg));
      return undefined;
    case 'result':
      at.tiles.set(value, tileOf(at, defined(value.loop.carried[value.index], 'carried value')));
      return undefined;
    case 'load':
      return loadStep(at, value);
    case 'reduce':
      return reduceStep(at, value);
    case 'dot':
      return dotStep(at, value);
    case 'parameter': {
      ownTile(at, value);
      return undefined;
    }
    // loops fill their own values, and groups take what is computed element by element
    default:
      return undefined;
  }
}

function loopStep(at: Preparation, loop: Loop, perLaunch: Sequence): Step {
  const [from, to, step] = [tileOf(at, loop.from), tileOf(at, loop.to), tileOf(at, loop.step)];
  const counter = ownTile(at, loop.induction);
  const begin = loop.initial.map((initial, i) => {
    const value = defined(loop.carried[i], 'carried value');
    return copyStep(at, tileOf(at, initial), ownTile(at, value), initial);
  });
  const body = regionSteps(at, loop.body, perLaunch);
  const advance = advanceSteps(at, loop);
  return () => {
    const end = to.data[to.offset] as number;
    const stride = step.data[step.offset] as number;
    runSteps(begin);
    for (let i = from.data[from.offset] as number; i < end; i += stride) {
      counter.data[0] = i;
      runSteps(body);
      runSteps(advance);
      if (stride <= 0) throw endlessLoop(loop, stride);
    }
  };
}

function copyStep(at: Preparation, from: Tile, to: Tile, { axes }: Value): Step {
  const { columns } = extents(axes);
  const extent = extentsOf(at, axes);
  const place = broadcast(axes, axes);
  return () => {
    const [row, column] = [strideIn(from, place.row), strideIn(from, place.column)];
    const [high, wide] = [extent.rows.value, extent.columns.value];
    copyBlock(to.data, to.offset, columns, 1, from.data, from.offset, row, column, high, wide);
  };
}

/**
 * Makes the yielded values the carried ones, all at once. A tile that the body computes anew in each iteration, and
 * yields once, changes places with the carried one; any other value (one from outside, another carried value, a view
 * of a buffer, a sum in doubles) is copied aside first, since it may be read again or overwritten by these very exchanges.
 */
function advanceSteps(at: Preparation, loop: Loop): Step[] {
  const copies: Step[] = [];
  const exchanges: Step[] = [];
  const taken = new Set<Tile>();
  loop.yields.forEach((value, i) => {
    const from = defined(loop.carried[i], 'carried value');
    const [carried, tile] = [tileOf(at, from), tileOf(at, value)];
    if (tile === carried) return;
    const isAlike = at.analysis.isSum(value) === at.analysis.isSum(from);
    if (isAlike && isComputedIn(at, loop.body, value) && !taken.has(tile)) {
      taken.add(tile);
      exchanges.push(() => swapTiles(tile, carried));
      return;
    }
    const aside = denseTile(value.axes, value.dtype, precisionOf(at, from));
    copies.push(copyStep(at, tile, aside, value));
    exchanges.push(() => swapTiles(aside, carried));
  });
  return [...copies, ...exchanges];
}

/** Whether each run of `region` writes the whole of the value's own, dense tile. */
function isComputedIn(at: Preparation, region: Region, value: Value): boolean {
  if (value.op === 'rename') return isComputedIn(at, region, value.arg);
  if (value.region !== region || at.analysis.isUniform(value)) return false;
  const { op } = value;
  return op === 'elementwise' || op === 'cast' || op === 'reduce' || op === 'dot' || op === 'random';
}
