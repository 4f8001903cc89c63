// The commands of change sets, of bots that are kept off them, and of bots that are not as released.
import { FailurePolicy } from '@molthub/contracts';
import { type Command, Option } from 'commander';
import { collect, seconds, wholeNumber, wholeNumbers, words } from './arguments.ts';

/** How long a change set is followed where nothing else was said: a day. */
const followS = 86_400;

const verbs = [
  ['start', 'start a planned change set'],
  ['pause', 'release no other bot until it is resumed; gates go on judging'],
  ['resume', 'go on, and put up with what paused it'],
  ['complete', 'end it early; bots that were not reached stay as they are'],
  ['fail', 'end it as failed, and do what its strategy says of that'],
  ['abort', 'start no further bot'],
  ['rollback', 'take each bot back to its own previous version'],
] as const;

const judgements = [
  ['approve', 'approve exactly its plan; not for whoever made it'],
  ['decline', 'decline its plan for good'],
] as const;

export const addRollouts = (program: Command): void => {
  const rollout = program.command('rollout').description('change sets: newest versions on their way to bots, in waves');
  addPlan(rollout);
  rollout
    .command('list')
    .description('the newest change sets')
    .option('--fleet <name>', 'only of this fleet')
    .option('--status <status>', 'such as RUNNING or PAUSED')
    .option('--limit <n>', 'how many at most', wholeNumber(1), 50)
    .action(async (options, command) => (await import('./commands/rollout.ts')).list(options, command));
  rollout
    .command('status')
    .argument('<id>')
    .description('how far each wave is, and what its gates say')
    .option('--watch', 'go on until it ended; exit code 0 where it SUCCEEDED, otherwise 1')
    .option('--timeout <duration>', 'how long to watch it', seconds, followS)
    .action(async (id, options, command) => (await import('./commands/rollout.ts')).status(id, options, command));
  addVerbs(rollout);
  addKept(program);
};

const addPlan = (rollout: Command): void => {
  rollout
    .command('plan')
    .argument('[fleet]', 'its name or id')
    .description('who would move in which wave; nothing moves before it is started')
    .option('--bot <name>', 'instead of a fleet: this bot; may be repeated', collect)
    .option('--strategy <file>', 'JSON or YAML; default: what the options below say, else that of the fleet')
    .option('--canary <who>', 'who goes first: 1, 5% or label=value')
    .option('--steps <percents>', 'percents of all bots that have moved after each wave, such as 30,100', wholeNumbers)
    .option('--rings <values>', 'values of a label, from the first ring to the last; * is all others', words)
    .option('--ring-label <label>', 'the label whose values are the rings')
    .option('--stratify-by <label>', 'each wave takes its part of every value of this label')
    .option('--bake <duration>', 'between a wave and the next one, such as 60s or 15m', seconds)
    .option('--final-bake <duration>', 'after the last wave', seconds)
    .option('--max-parallel <n>', 'so many bots are on their way at once', wholeNumber(1))
    .addOption(
      new Option('--on-failure <policy>', 'what is done where it fails (default: ROLL_BACK)').choices(
        FailurePolicy.options,
      ),
    )
    .option('--approvals <n>', 'how many people have to approve it first', wholeNumber(1))
    .option('--supersede', 'take the place of change sets that its bots are in; otherwise that is refused')
    .option('--name <text>', 'how it is called')
    .option('--reason <text>', 'why', '')
    .option('--start', 'start it, and show how it goes until it ended')
    .option('--timeout <duration>', 'with --start: how long to watch it', seconds, followS)
    .action(async (fleet, options, command) => (await import('./commands/rollout.ts')).plan(fleet, options, command));
};

const addVerbs = (rollout: Command): void => {
  for (const [verb, about] of verbs) {
    rollout
      .command(verb)
      .argument('<id>')
      .description(about)
      .option('--reason <text>', 'why', '')
      .action(async (id, options, command) => (await import('./commands/rollout.ts')).act(verb, id, options, command));
  }
  rollout
    .command('promote')
    .argument('<id>')
    .description('go on with the next wave without waiting for bake time and verdicts')
    .option('--wave <n>', 'the wave that is meant, as status shows it; default: the one that runs', wholeNumber(1))
    .option('--reason <text>', 'why', '')
    .action(async (id, options, command) => (await import('./commands/rollout.ts')).promote(id, options, command));
  rollout
    .command('skip-analysis')
    .argument('<id>')
    .description('go on without judging traces and without webhooks; health is still looked at')
    .requiredOption('--reason <text>', 'why')
    .action(async (id, options, command) =>
      (await import('./commands/rollout.ts')).act('skip-analysis', id, options, command),
    );
  for (const [verb, about] of judgements) {
    rollout
      .command(verb)
      .argument('<id>')
      .description(about)
      .option('--plan-hash <hash>', 'the plan that you have read; default: the one that there is')
      .option('--reason <text>', 'why', '')
      .action(async (id, options, command) =>
        (await import('./commands/rollout.ts')).judge(verb, id, options, command),
      );
  }
  rollout
    .command('retry')
    .argument('<id>')
    .description('plan a change set of the bots that failed in this one')
    .option('--reason <text>', 'why', '')
    .action(async (id, options, command) => (await import('./commands/rollout.ts')).retry(id, options, command));
};

const addKept = (program: Command): void => {
  const holds = program.command('holds').description('bots that were taken back, which automation leaves alone');
  holds.command('list').action(async (_, command) => (await import('./commands/holds.ts')).list('holds', command));
  holds
    .command('lift')
    .argument('<bot>', 'its name, fleet/name or id')
    .description('let automation release to it again')
    .action(async (bot, _, command) => (await import('./commands/holds.ts')).lift('holds', bot, command));
  const pins = program.command('pins').description('bots that stay at what they run, whoever asks');
  pins.command('list').action(async (_, command) => (await import('./commands/holds.ts')).list('pins', command));
  pins
    .command('add')
    .argument('<bot>', 'its name, fleet/name or id')
    .requiredOption('--reason <text>', 'why')
    .action(async (bot, options, command) => (await import('./commands/holds.ts')).pin(bot, options, command));
  pins
    .command('remove')
    .argument('<bot>', 'its name, fleet/name or id')
    .action(async (bot, _, command) => (await import('./commands/holds.ts')).lift('pins', bot, command));
};

export const addDrift = (program: Command): void => {
  const drift = program.command('drift').description('bots that are not as they were released');
  drift
    .command('list')
    .option('--fleet <name>', 'only of this fleet')
    .action(async (options, command) => (await import('./commands/drift.ts')).list(options, command));
  drift
    .command('show')
    .argument('<bot>', 'its name, fleet/name or id')
    .description('in what it differs, and since when; exit code 1 where it does')
    .action(async (bot, _, command) => (await import('./commands/drift.ts')).show(bot, command));
  drift
    .command('accept')
    .argument('<bot>', 'its name, fleet/name or id')
    .description('publish what it was found to run as a new version of its manifest')
    .option('--reason <text>', 'why', '')
    .action(async (bot, options, command) => (await import('./commands/drift.ts')).accept(bot, options, command));
  drift
    .command('revert')
    .argument('<bot>', 'its name, fleet/name or id')
    .description('put it back now, whatever its mode, the heal budget or a hold say')
    .option('--reason <text>', 'why', '')
    .action(async (bot, options, command) => (await import('./commands/drift.ts')).revert(bot, options, command));
};
