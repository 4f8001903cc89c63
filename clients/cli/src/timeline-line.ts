// One line of a bot's timeline.
import pc from 'picocolors';
import type { TimelineItem } from './answers.ts';
import { printable } from './printable.ts';

export const timelineLine = ({ sequence, time, type, message }: TimelineItem): string =>
  `  ${pc.dim(`${printable(time)} #${sequence}`)} ${printable(type)}  ${printable(message)}`;
