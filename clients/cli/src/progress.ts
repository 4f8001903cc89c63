// Progress of long work, on standard error: a bar where a person looks on, a line at each tenth where a log does.
import pc from 'picocolors';
import { printable } from './printable.ts';

export type Progress = {
  /** `done` of `total` things, and what is going on. */
  readonly update: (done: number, total: number, message?: string) => void;
  /** Takes the bar away; what comes next starts on a clean line. */
  readonly end: () => void;
};

const barWidth = 30;

export const progressText = (label: string, done: number, total: number, message = ''): string => {
  const share = total === 0 ? 1 : Math.min(done / total, 1);
  const filled = Math.round(share * barWidth);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`;
  return `${label} ${bar} ${done}/${total} ${Math.floor(share * 100)} %${message === '' ? '' : `  ${printable(message)}`}`;
};

export const progress = (label: string, stream: NodeJS.WriteStream = process.stderr): Progress => {
  let lastTenth = -1;
  const live = stream.isTTY;
  return {
    update: (done, total, message) => {
      const text = progressText(label, done, total, message);
      if (live) {
        stream.write(`\r\u001b[2K${text.slice(0, (stream.columns || 80) - 1)}`);
        return;
      }
      const tenth = total === 0 ? 10 : Math.floor((done / total) * 10);
      if (tenth === lastTenth) return;
      lastTenth = tenth;
      stream.write(`${pc.dim(text)}\n`);
    },
    end: () => {
      if (live) stream.write('\r\u001b[2K');
    },
  };
};
