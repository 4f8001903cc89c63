// Every command with its arguments: what `molthub --help` shows.
import { Command, Option } from 'commander';
import { collect, wholeNumber } from './arguments.ts';
import { formats } from './output.ts';
import { addDrift, addRollouts } from './rollout-program.ts';
import { shells } from './shells.ts';

export const program = new Command('molthub')
  .description('The control plane for fleets of autonomous bots.')
  .version('0.1.0')
  .exitOverride()
  .showHelpAfterError('(molthub --help lists the commands)')
  .addOption(new Option('-o, --output <format>', 'how answers are printed').choices(formats).default('table'))
  .option(
    '--server <url>',
    'the gateway (default: MOLTHUB_SERVER, else the one started in MOLTHUB_HOME, else this machine)',
  )
  .option('--key <key>', 'the API key (default: MOLTHUB_KEY, else admin.key in MOLTHUB_HOME)')
  .option('--verbose', 'more about errors: correlation id and cause');

// `up` and `serve` hand everything behind them on to the program, help included.
const passOn = (command: Command): Command =>
  command.helpOption(false).allowUnknownOption().argument('[args...]', 'handed on to the program');

passOn(program.command('up').description('start everything, with embedded Postgres and nats-server')).action(
  async (args) => (await import('./commands/up.ts')).up('up', args),
);
passOn(program.command('serve').description('run all services, or the named ones, on servers of your own')).action(
  async (args) => (await import('./commands/up.ts')).up('serve', args),
);

program
  .command('apply')
  .description('make the server have what YAML or JSON documents say')
  .requiredOption('-f, --file <path>', 'a file, a folder, or - for standard input; may be repeated', collect)
  .option('--owner <name>', 'for whom: what is created or changed gets the label molthub.dev/applied-from')
  .option('--prune', 'delete what has that label and is described no more')
  .option('--yes', 'delete without asking')
  .option('--dry-run', 'show the plan and change nothing')
  .option('--wait', 'wait for each changed bot and tell its timeline')
  .option('--no-wait', 'do not wait for the bots, nor for the change sets of layers')
  .option('--timeout <seconds>', 'how long to wait for the bots', wholeNumber(1), 120)
  .action(async (options, command) => (await import('./commands/apply.ts')).apply(options, command));

program
  .command('diff')
  .description(
    'what would change; exit code 0 nothing, 1 something, 2 it cannot be said; -o markdown for pull requests',
  )
  .argument('[kind]', 'bot, to compare two versions of its manifest')
  .argument('[name]', 'its name or id')
  .option('-f, --file <path>', 'a file, a folder, or - for standard input; may be repeated', collect)
  .option('--against <ref>', 'compare with a commit, branch or tag of its git repository, not with the server')
  .option('--owner <name>', 'as for apply')
  .option('--prune', 'as for apply: tell what would be deleted too')
  .option('--from <version>', 'default: the one before', wholeNumber(1))
  .option('--to <version>', 'default: the newest', wholeNumber(1))
  .action(async (kind, name, options, command) =>
    (await import('./commands/diff.ts')).diff(kind, name, options, command),
  );

program
  .command('export')
  .description('what the server has, as documents that apply takes')
  .argument('[kind]', 'fleets, policy-packs, bots; default: everything')
  .argument('[name]', 'only this one')
  .option('--to <folder>', 'a file for each, in a folder for each kind; default: standard output')
  .action(async (kind, name, options, command) =>
    (await import('./commands/export.ts')).exportThings(kind, name, options, command),
  );

program
  .command('sync')
  .description(
    'keep the server at what is merged in a git repository; each commit is checked whole, then applied as a plan',
  )
  .requiredOption('--repo <address>', 'anything git can fetch from, or a folder')
  .option('--ref <name>', 'a branch or tag', 'main')
  .option('--path <folder>', 'the folder of documents in it; default: all of it', '')
  .requiredOption('--owner <name>', 'as for apply: whose the things are')
  .option('--prune', 'delete what the owner applied and describes no more')
  .option(
    '--once',
    'try the newest commit and end; exit code 1 where it is not applied, or has not reached all of its bots',
  )
  .option('--interval <seconds>', 'how often to look', wholeNumber(1), 30)
  .option('--timeout <seconds>', 'how long to wait for the bots of a commit', wholeNumber(0), 120)
  .option('--notes', 'push what came of each commit to the repository, as a git note (refs/notes/molthub)')
  .option('--state <folder>', 'where commits and what came of them are kept; default: in MOLTHUB_HOME')
  .action(async (options, command) => (await import('./commands/sync.ts')).sync(options, command));

program
  .command('lint')
  .description('check documents without a server; exit code 1 where one has an error')
  .argument('<path...>', 'files, folders, or - for standard input')
  .action(async (paths, _, command) => (await import('./commands/lint.ts')).lintFiles(paths, command));

program
  .command('fmt')
  .description('write documents with their fields in order and their lines indented alike; comments stay')
  .argument('<path...>', 'files, folders, or - for standard input')
  .option('--check', 'change nothing; exit code 1 where a file is written otherwise')
  .action(async (paths, options, command) => (await import('./commands/fmt.ts')).fmt(paths, options, command));

program
  .command('get')
  .description('list things of a kind, or show one')
  .argument(
    '<kind>',
    'fleets, bots, change-sets, templates, profiles, overlays, policy-packs, waivers, findings, violations, audit, targets, workspaces',
  )
  .argument('[name]', 'its name or id')
  .option('--limit <n>', 'how many at most', wholeNumber(1), 500)
  .option('--fleet <name>', 'only of this fleet')
  .action(async (kind, name, options, command) =>
    (await import('./commands/get.ts')).get(kind, name, options, command),
  );

program
  .command('describe')
  .description('everything about one thing')
  .argument('<kind>', 'fleet, bot, change-set, template, profile, overlay, policy-pack, waiver')
  .argument('<name>', 'its name or id')
  .action(async (kind, name, _, command) => (await import('./commands/describe.ts')).describe(kind, name, command));

program
  .command('explain')
  .description('why a bot is to run what it runs: each value with its layer, the layer’s version and its author')
  .argument('<bot>', 'its name, fleet/name or id')
  .argument('[path]', 'such as spec.config.logging.level, with all below it; default: everything')
  .option('--at <version>', 'this version of its manifest; default: the newest', wholeNumber(1))
  .action(async (bot, path, options, command) =>
    (await import('./commands/explain.ts')).explain(bot, path, options, command),
  );

program
  .command('preview')
  .description(
    'what a bot of a template would run, judged by policy too; records nothing; exit code 1 where it cannot be',
  )
  .argument('<template>', 'its name or id')
  .option('--set <path=value>', 'fill in a field of the template; may be repeated', collect)
  .option('--fleet <name>', 'as in this fleet, with its layers and its environment')
  .option('--environment <name>', 'dev, staging or prod; otherwise that of the fleet, or dev')
  .option('--engine-version <version>', 'such as 2026.9.6')
  .option('--label <name=value>', 'a label of the bot; may be repeated', collect)
  .action(async (template, options, command) =>
    (await import('./commands/preview.ts')).preview(template, options, command),
  );

program
  .command('delete')
  .description('delete a fleet, a bot, a policy pack, a waiver or a layer; a bot’s process and state are destroyed')
  .argument('<kind>', 'fleet, bot, policy-pack, waiver, template, profile, overlay')
  .argument('<name>', 'its name or id')
  .option('--no-wait', 'do not wait for the bots that the end of a layer moves')
  .option('--timeout <seconds>', 'how long to wait for them', wholeNumber(1), 120)
  .action(async (kind, name, options, command) =>
    (await import('./commands/delete.ts')).remove(kind, name, options, command),
  );

program
  .command('status')
  .description('the control plane, the fleets and the bots in short')
  .action(async (_, command) => (await import('./commands/status.ts')).status(command));

program
  .command('doctor')
  .description('check what Molthub needs, or examine a bot, and say what to do where something is wrong')
  .argument('[bot]', 'its name, fleet/name or id')
  .action(async (bot, _, command) => {
    const doctor = await import('./commands/doctor.ts');
    await (bot === undefined ? doctor.doctor(command) : doctor.doctorOf(bot, command));
  });

addDrift(program);

const events = program.command('events').description('what happens');
events
  .command('tail')
  .description('follow events as they happen; goes on after a disconnect where it was')
  .option('--types <patterns>', 'such as rollout.>,reconciler.drift.>')
  .option('--after <cursor>', 'start behind this cursor')
  .action(async (options, command) => (await import('./commands/events.ts')).tail(options, command));

const trace = program.command('trace').description('what bots did');
trace
  .command('list')
  .description('the newest traces')
  .option('--bot <name>', 'only of this bot')
  .option('--limit <n>', 'how many', wholeNumber(1), 20)
  .action(async (options, command) => (await import('./commands/trace.ts')).list(options, command));
trace
  .command('show')
  .description('a trace as a waterfall')
  .argument('<traceId>')
  .option('--bot <name>', 'of this bot, where several sent spans under this id')
  .option('--all', 'every span, however many')
  .action(async (id, options, command) => (await import('./commands/trace.ts')).show(id, options, command));
trace
  .command('search')
  .description('traces by attribute, error, duration or cost; of the last day unless --from says otherwise')
  .option('--bot <name>', 'only of this bot')
  .option('--attribute <key=value>', 'one span has all of these; may be repeated', collect)
  .option('--error <text>', "a part of the first error's message")
  .option('--failed', 'only those with an error span')
  .option('--model <name>', 'only those that called this model')
  .option('--name <name>', 'only of this name')
  .option('--min-duration <ms>', 'that took at least so long')
  .option('--max-duration <ms>', 'that took at most so long')
  .option('--min-cost <usd>', 'that cost at least so much')
  .option('--from <time>', 'that began at this time or later')
  .option('--to <time>', 'that began before this time')
  .option('--limit <n>', 'how many', wholeNumber(1), 20)
  .action(async (options, command) => (await import('./commands/trace-search.ts')).search(options, command));
trace
  .command('tail')
  .description('follow traces as they come, each again whenever more of it has come')
  .option('--bot <name>', 'only of this bot')
  .option('--failed', 'only those whose root failed')
  .action(async (options, command) => (await import('./commands/trace-tail.ts')).tail(options, command));
trace
  .command('errors')
  .description('what went wrong, each kind once, the latest first')
  .option('--bot <name>', 'only of this bot')
  .option('--limit <n>', 'how many', wholeNumber(1), 20)
  .action(async (options, command) => (await import('./commands/trace-search.ts')).errors(options, command));
trace
  .command('compare')
  .description('two configurations by their hashes: errors, latency, tokens, cost, and how sure a difference is')
  .argument('<first>', 'a configHash of trace list -o json, or the desiredHash of describe bot')
  .argument('<second>', 'another one')
  .option('--bot <name>', 'only of this bot')
  .option('--from <time>', 'requests that began at this time or later; default: the last day')
  .option('--to <time>', 'requests that began before this time')
  .action(async (first, second, options, command) =>
    (await import('./commands/trace-search.ts')).compare(first, second, options, command),
  );
trace
  .command('export')
  .description('a trace as the JSON of an OTLP request')
  .argument('<traceId>')
  .option('--bot <name>', 'of this bot, where several sent spans under this id')
  .action(async (id, options, command) =>
    (await import('./commands/trace-search.ts')).exportTrace(id, options, command),
  );

const policy = program.command('policy').description('what packs of rules say');
policy
  .command('eval')
  .description('judge manifests without proposing them; exit code 1 where one is denied')
  .requiredOption('-f, --file <path>', 'a file, a folder or - for standard input; may be repeated', collect)
  .option('--pack <id>', 'by this pack only, whether or not it applies')
  .option('--environment <name>', 'dev, staging or prod; otherwise that of the fleet')
  .action(async (options, command) => (await import('./commands/policy.ts')).evaluate(options, command));
policy
  .command('dry-run')
  .argument('<pack>', 'its name or id')
  .description('which bots would break by a pack, switched on or not')
  .action(async (pack, _, command) => (await import('./commands/policy.ts')).dryRun(pack, command));
policy
  .command('test')
  .argument('<files...>', 'files or folders with documents of kind PolicyTest')
  .description(
    'compare what a pack says with what its tests expect; exit code 1 where one fails, 2 where one is broken',
  )
  .option('--junit <file>', 'write the results as JUnit XML too')
  .action(async (files, options, command) => (await import('./commands/policy-test.ts')).test(files, options, command));
policy
  .command('fix')
  .argument('<pack>', 'its name or id')
  .argument('<bot>', 'its name, fleet/name or id')
  .option('--dry-run', 'show the patch and change nothing')
  .option('--reason <text>', 'why', '')
  .description('propose a new version of a bot with what a pack suggests')
  .action(async (pack, bot, options, command) =>
    (await import('./commands/policy-fix.ts')).fix(pack, bot, options, command),
  );
policy
  .command('conflicts')
  .description(
    'rules of different packs that cannot both hold, or differ in what they do; exit code 1 where there are any',
  )
  .action(async (_, command) => (await import('./commands/policy.ts')).conflicts(command));

const parked = program.command('parked').description('events that kept failing and wait for a person');
parked.command('list').action(async (_, command) => (await import('./commands/parked.ts')).list(command));
parked
  .command('show')
  .argument('<id>')
  .action(async (id, _, command) => (await import('./commands/parked.ts')).show(id, command));
parked
  .command('retry')
  .argument('<id>')
  .description('run it again, then what queues behind it')
  .action(async (id, _, command) => (await import('./commands/parked.ts')).retry(id, command));
parked
  .command('drop')
  .argument('<id>')
  .description('give it up; what queues behind it goes on')
  .option('--reason <text>', 'why', '')
  .action(async (id, options, command) => (await import('./commands/parked.ts')).drop(id, options, command));

const projections = program.command('projections').description('read models');
projections.command('list').action(async (_, command) => (await import('./commands/projections.ts')).list(command));
projections
  .command('rebuild')
  .argument('<name>', 'such as config.config; `projections list` has them')
  .description('build a read model anew from the log; the old one serves meanwhile')
  .option('--watch', 'show the progress until it is done')
  .action(async (name, options, command) =>
    (await import('./commands/projections.ts')).rebuild(name, options, command),
  );
projections
  .command('cancel')
  .argument('<name>')
  .description('end a rebuild that runs; the old one goes on serving')
  .action(async (name, _, command) => (await import('./commands/projections.ts')).cancel(name, command));

const bus = program.command('bus').description('the event bus');
bus
  .command('republish')
  .argument('<service>')
  .description("send a service's log to the bus again; readers know what they have seen")
  .action(async (service, _, command) => (await import('./commands/bus.ts')).republish(service, command));

addRollouts(program);

program
  .command('rollback')
  .description('give a bot an earlier version of its manifest again, as a new version')
  .argument('<kind>', 'bot')
  .argument('<name>', 'its name or id')
  .option('--to <version>', 'which version (default: the one before the current)', wholeNumber(1))
  .option('--reason <text>', 'why', '')
  .option('--timeout <seconds>', 'how long to wait for the bot', wholeNumber(1), 120)
  .option('--no-wait', 'do not wait for the bot')
  .action(async (kind, name, options, command) =>
    (await import('./commands/rollback.ts')).rollback(kind, name, options, command),
  );

program
  .command('logs')
  .description("the last lines of a bot's log")
  .argument('<bot>')
  .option('-n, --lines <n>', 'how many, 1000 at most', wholeNumber(1), 100)
  .option('-f, --follow', 'go on with what comes')
  .action(async (bot, options, command) => (await import('./commands/logs.ts')).logs(bot, options, command));

program
  .command('token')
  .description('a token with which a bot may send spans')
  .argument('<bot>')
  .action(async (bot, _, command) => (await import('./commands/token.ts')).token(bot, command));

const keys = program.command('keys').description('API keys');
keys.command('list').action(async (_, command) => (await import('./commands/keys.ts')).list(command));
keys
  .command('create')
  .argument('<name>')
  .requiredOption('--role <role>', 'OWNER, ADMIN, OPERATOR or VIEWER')
  .option('--scope <scope>', 'one permission such as bot:read, or bot:*; may be repeated', collect)
  .option('--expires <time>', 'when it ends, such as 2027-01-31T00:00:00Z')
  .action(async (name, options, command) => (await import('./commands/keys.ts')).create(name, options, command));
keys
  .command('revoke')
  .argument('<id>')
  .action(async (id, _, command) => (await import('./commands/keys.ts')).revoke(id, command));

program
  .command('demo')
  .description('a living fleet of simulated bots, and what to look at')
  .option('--bots <n>', 'how many simulated bots', wholeNumber(1), 20)
  .option('--real', 'one real OpenClaw bot too')
  .action(async (options, command) => (await import('./commands/demo.ts')).demo(options, command));

program
  .command('completion')
  .description('a completion script for a shell')
  .addArgument(program.createArgument('<shell>').choices(shells))
  .action(async (shell) => (await import('./commands/completion.ts')).completion(shell, program));
