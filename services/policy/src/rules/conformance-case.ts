// One test of a public suite, as we answer it.
export type ConformanceCase = {
  /** The file of the suite. */
  readonly section: string;
  /** What is listed where it is refused. */
  readonly group: string;
  readonly name: string;
  /** Whether it is about something that a rule can be about. */
  readonly applies: boolean;
  readonly outcome: 'passes' | 'refuses' | 'wrong';
  /** Why it is refused, or what was answered. */
  readonly said: string;
};
