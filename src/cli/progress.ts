import { Presets, SingleBar } from 'cli-progress';
import pc from 'picocolors';
import type { palm } from '../index.ts';
import { shown, shownPairs } from './io.ts';
import { scoreText, wholeScores } from './scores.ts';

/** `95 s` as `1:35`. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** `intent accuracy 97.0 %, slots F1 94.1 %, exact match 91.0 %` */
const headline = (metrics: palm.Metrics): string =>
  shownPairs(wholeScores(metrics).map((score) => [score.label, scoreText(score)]));

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

/** Shows how many kernels are compiled, on a terminal as they are: a GPU's driver takes its time. */
export function compileProgress(out: NodeJS.WriteStream): (done: number, total: number) => void {
  return (done, total) => {
    if (out.isTTY) out.write(done < total ? `\rcompiling kernels ${done}/${total}` : '\r\x1b[K');
    else if (done === 1) out.write(`compiling ${total} kernels\n`);
  };
}

type StepEvent = Extract<palm.TrainingEvent, { type: 'step' }>;

const ENDS = { done: 'trained', early: 'ended early', aborted: 'stopped' };

/** What a bar or a line shows of a step. */
const stepTexts = ({ loss, losses, stepsPerSecond, secondsLeft }: StepEvent) => ({
  tasks: shownPairs(Object.entries(losses).map(([task, one]) => [task, one.toFixed(3)])),
  loss: loss.toFixed(3),
  speed: stepsPerSecond.toFixed(1),
  left: clock(secondsLeft),
});

/**
 * An event as a line; undefined for one that is not worth a line. `whyDevice` says why the device was chosen, `width` is that of the
 * longest name of a task.
 */
function lineOf(event: palm.TrainingEvent, whyDevice: string | undefined, width: number): string | undefined {
  switch (event.type) {
    case 'start': {
      const { tasks, examples, epochs, parameters, device, from, planned = {} } = event;
      const why = whyDevice === undefined ? '' : ` (${whyDevice})`;
      const steps = shownPairs(Object.entries(planned));
      const resumed = from === 0 ? '' : `, going on after step ${from}`;
      return `${pc.bold(shown(tasks.join(' + ')))}: ${count(examples, 'sentence')}, ${count(epochs, 'epoch')}, ${parameters} parameters, device ${device}${why}${resumed}${steps === '' ? '' : `\nsteps: ${steps}`}`;
    }
    case 'step': {
      const { tasks, loss, speed, left } = stepTexts(event);
      const { slot } = event;
      if (slot !== undefined) {
        const task = shown(slot.task).padEnd(width);
        const speed = event.stepsPerSecond.toFixed(2);
        return `global step: ${event.step}, ${task}: step ${slot.step}/${slot.steps} (epoch ${slot.epoch}), loss: ${loss}, speed: ${speed} steps/s`;
      }
      return `epoch ${event.epoch}  step ${event.step}/${event.steps}  loss ${loss} (${tasks})  ${speed} steps/s  ${left} left`;
    }
    case 'evaluation':
      return `${pc.cyan(`epoch ${event.epoch}`)}  ${event.part}: ${headline(event.metrics)}${event.best ? pc.green('  best so far') : ''}`;
    case 'warning':
      return pc.yellow(`warning: ${shown(event.message)}`);
    case 'recovery': {
      const { reason, step, from } = event;
      const again = step === from ? '' : `, the steps from ${from} on are run again`;
      return pc.yellow(`${shown(reason)}; opening it again, going on after step ${step}${again}`);
    }
    case 'checkpoint':
      return undefined;
    case 'end':
      return `${ENDS[event.reason]} after ${event.step} steps, ${clock(event.seconds)}`;
  }
}

const BAR = {
  format: '{bar} {value}/{total}  {tasks}  loss {loss}  {speed} steps/s  {left} left',
  hideCursor: true,
  clearOnComplete: true,
  barsize: 24,
};

/**
 * Shows training events: a bar on a terminal, plain lines elsewhere, of steps one in five seconds. `stop` takes the bar away and
 * gives the cursor back.
 */
export function progressListener(out: NodeJS.WriteStream, whyDevice: string | undefined) {
  let bar: SingleBar | undefined;
  let lastLine = Number.NEGATIVE_INFINITY;
  let width = 0;
  /** where tasks alternate, a step has the loss of one of them */
  let latest: Readonly<Record<string, number>> = {};
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
  };
  const listener: palm.Listener = (event) => {
    if (event.type === 'step' && out.isTTY) {
      latest = { ...latest, ...event.losses };
      const texts = stepTexts({ ...event, losses: latest });
      if (bar !== undefined) return bar.update(event.step, texts);
      bar = new SingleBar({ ...BAR, stream: out }, Presets.rect);
      return bar.start(event.steps, event.step, texts);
    }
    if (event.type === 'step') {
      if (performance.now() - lastLine <= 5000 && event.step !== event.steps) return;
      lastLine = performance.now();
    }
    if (event.type === 'start') width = Math.max(...event.tasks.map((task) => shown(task).length));
    const line = lineOf(event, whyDevice, width);
    if (line === undefined) return;
    stop();
    out.write(`${line}\n`);
  };
  return { listener, stop };
}
