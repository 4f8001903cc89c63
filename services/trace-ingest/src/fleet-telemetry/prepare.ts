import type { ChangeFleetTelemetry, CommandOf } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Prepared } from '@molthub/service';
import { compilePatterns } from '../redaction-patterns.ts';

type Command = CommandOf<typeof ChangeFleetTelemetry>;

/** Patterns must be ones that can be run on whatever bots send. */
export const prepareFleetTelemetry = (command: Command): Prepared<Command> => {
  const { problems } = compilePatterns(command.data.settings.redaction.patterns);
  const [first] = problems;
  if (first) {
    throw new Rejected(
      'trace.fleet-telemetry-invalid',
      `${first.path}: ${first.message}`,
      problems.map((problem) => ({ ...problem, code: 'trace.pattern-invalid' })),
    );
  }
  return { command };
};
