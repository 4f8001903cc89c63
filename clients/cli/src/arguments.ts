// What options of the command line take beside words: numbers, lists, durations.
import { InvalidArgumentError } from 'commander';

export const wholeNumber = (min: number) => (text: string) => {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < min) throw new InvalidArgumentError(`a whole number from ${min} on`);
  return number;
};

export const collect = (value: string, all: string[] = []): string[] => [...all, value];

const secondsOf: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of `90`, `90s`, `15m`, `2h` or `1d`. */
export const seconds = (text: string): number => {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
  if (digits === '') throw new InvalidArgumentError('a duration such as 90s, 15m, 2h or 1d');
  return Number(digits) * (secondsOf[unit] ?? 1);
};

/** `10,30,100` */
export const wholeNumbers = (text: string): number[] => text.split(',').map((part) => wholeNumber(1)(part.trim()));

export const words = (text: string): string[] => text.split(',').map((part) => part.trim());
