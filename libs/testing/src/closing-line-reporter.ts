// The last line of a test run: "N passed, N failed", with ", N skipped" where there are any. From vitest's own results,
// over all projects. A run that broke outside a test never ends with "0 failed".
import type { Reporter, SerializedError, TestModule, TestRunEndReason } from 'vitest/node';

export type Closing = { passed: number; failed: number; skipped: number };

export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const line = closingLine(count(modules), unhandledErrors.length, reason);
    // The default reporter prints its summary in this same hook, before or after us; the line comes at the very end.
    process.once('exit', () => process.stdout.write(`${line}\n`));
  }
}

function count(modules: readonly TestModule[]): Closing {
  const closing: Closing = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') closing.passed += 1;
      else if (state === 'skipped') closing.skipped += 1;
      else closing.failed += 1;
    }
    // A file that cannot be imported, or whose hooks fail, has errors of its own beside its tests'.
    if (module.state() === 'failed' && module.errors().length > 0) closing.failed += module.errors().length;
    for (const suite of module.children.allSuites()) closing.failed += suite.errors().length;
  }
  return closing;
}

/** The line for these counts; faults outside tests count as failures, and a failed run has at least one. */
export function closingLine(counts: Closing, unhandledErrors: number, reason: TestRunEndReason): string {
  const outside = counts.failed + unhandledErrors;
  const ran = counts.passed + counts.skipped + outside;
  const failed = outside === 0 && (reason !== 'passed' || ran === 0) ? 1 : outside;
  return `${counts.passed} passed, ${failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`;
}
