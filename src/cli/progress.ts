import { Presets, SingleBar } from 'cli-progress';
import pc from 'picocolors';
import type { palm } from '../index.ts';
import { headlinesOf } from './scores.ts';
import { percent, shown } from './shown.ts';

/** `95 s` as `1:35`. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** `intent accuracy 97.0 %, slots F1 94.1 %, exact match 91.0 %` */
const headline = (metrics: palm.Metrics): string =>
  headlinesOf(metrics)
    .filter(({ isWhole }) => isWhole)
    .map(({ label, value }) => `${shown(label)} ${percent(value)} %`)
    .join(', ');

const lossesOf = (losses: Readonly<Record<string, number>>): string =>
  Object.entries(losses)
    .map(([task, loss]) => `${shown(task)} ${loss.toFixed(3)}`)
    .join(', ');

export interface Progress {
  readonly listener: palm.Listener;
  /** takes the bar away and gives the cursor back, whatever happened */
  stop(): void;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

/** Shows how many kernels are compiled, on a terminal as they are: a GPU's driver takes its time. */
export function compileProgress(out: NodeJS.WriteStream): (done: number, total: number) => void {
  return (done, total) => {
    if (!out.isTTY) {
      if (done === 1) out.write(`compiling ${total} kernels\n`);
      return;
    }
    out.write(done < total ? `\rcompiling kernels ${done}/${total}` : '\r\x1b[K');
  };
}

/** Shows training events: a bar on a terminal, plain lines elsewhere; `whyDevice` says why the device was chosen. */
export function progressListener(
  out: NodeJS.WriteStream,
  whyDevice: string | undefined,
  now: () => number = () => performance.now(),
): Progress {
  let bar: SingleBar | undefined;
  let lastLine = Number.NEGATIVE_INFINITY;
  const line = (text: string): void => {
    bar?.stop();
    bar = undefined;
    out.write(`${text}\n`);
  };
  const startBar = (value: number, total: number, shown: object): SingleBar => {
    const format = '{bar} {value}/{total}  {tasks}  loss {loss}  {speed} steps/s  {left} left';
    const made = new SingleBar(
      { format, stream: out, hideCursor: true, clearOnComplete: true, barsize: 24 },
      Presets.rect,
    );
    made.start(total, value, shown);
    return made;
  };
  const onStep = (event: Extract<palm.TrainingEvent, { type: 'step' }>): void => {
    const { step, steps, epoch, loss, losses, stepsPerSecond, secondsLeft } = event;
    const speed = stepsPerSecond.toFixed(1);
    if (out.isTTY) {
      const shown = { tasks: lossesOf(losses), loss: loss.toFixed(3), speed, left: clock(secondsLeft) };
      if (bar === undefined) bar = startBar(step, steps, shown);
      else bar.update(step, shown);
    } else if (now() - lastLine > 5000 || step === steps) {
      lastLine = now();
      line(
        `epoch ${epoch}  step ${step}/${steps}  loss ${loss.toFixed(3)} (${lossesOf(losses)})  ${speed} steps/s  ${clock(secondsLeft)} left`,
      );
    }
  };
  const listener: palm.Listener = (event) => {
    switch (event.type) {
      case 'start': {
        const { tasks, examples, epochs, parameters, device, from } = event;
        const why = whyDevice === undefined ? '' : ` (${whyDevice})`;
        const resumed = from === 0 ? '' : `, going on after step ${from}`;
        line(
          `${pc.bold(shown(tasks.join(' + ')))}: ${count(examples, 'sentence')}, ${count(epochs, 'epoch')}, ${parameters} parameters, device ${device}${why}${resumed}`,
        );
        break;
      }
      case 'step':
        onStep(event);
        break;
      case 'evaluation':
        line(
          `${pc.cyan(`epoch ${event.epoch}`)}  ${event.part}: ${headline(event.metrics)}${event.best ? pc.green('  best so far') : ''}`,
        );
        break;
      case 'warning':
        line(pc.yellow(`warning: ${shown(event.message)}`));
        break;
      case 'recovery': {
        const { reason, step, from } = event;
        const again = step === from ? '' : `, the steps from ${from} on are run again`;
        line(pc.yellow(`${shown(reason)}; opening it again, going on after step ${step}${again}`));
        break;
      }
      case 'checkpoint':
        break;
      case 'end':
        line(
          `${event.reason === 'done' ? 'trained' : 'stopped'} after ${event.step} steps, ${clock(event.seconds)}`,
        );
        break;
    }
  };
  return { listener, stop: () => bar?.stop() };
}
