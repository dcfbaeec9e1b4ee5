/** Every verb with its arguments and options. What a verb does is loaded only when it is used. */
import { Command } from 'commander'
import { ActorName } from '#shared/contract/registry.ts'
import { RunState } from '#shared/contract/run-record.ts'
import { VERSION } from '#shared/version.ts'
import { addBetweenRuns } from './commands-between-runs.ts'
import { addKeeping } from './commands-keeping.ts'
import { collect, oneOf, positiveNumber, token, wholeNumber } from './options.ts'

const JSON_OPTION = ['--json', 'one JSON object a line on stdout'] as const
const MOST_SHOTS = 1_000_000_000

/** @param done told of the exit code of the verb that ran. */
export function buildProgram(done: (exitCode: number) => void): Command {
  const program = new Command('qubus')
    .description('Durable hybrid quantum-classical workflows')
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand('help [verb]', 'how to use a verb')
    .showHelpAfterError('(add --help for what there is)')
    .showSuggestionAfterError()
    .exitOverride()
    // Flags after the name of an actor or benchmark are its own.
    .enablePositionalOptions()

  addSystem(program, done)
  addRuns(program, done)
  addReplay(program, done)
  addCircuits(program, done)
  addBetweenRuns(program, done)
  addKeeping(program, done)
  addTools(program, done)
  return program
}

type Done = (exitCode: number) => void

function addSystem(program: Command, done: Done): void {
  program
    .command('up')
    .summary('start broker, Postgres and all actors')
    .description(
      'Starts the broker, Postgres and all actors, and supervises them until it is interrupted. On a home that runs already: says so.',
    )
    .option('--cluster <file>', 'cluster file with the pools; default: embedded, everything on this host')
    .option('--detach', 'leave a supervisor behind; return when all are ready')
    .option('--coordinators <n>', 'how many', wholeNumber('--coordinators', 1, 16))
    .option('--allocators <n>', 'how many', wholeNumber('--allocators', 1, 4))
    .option('--submitters <n>', 'how many', wholeNumber('--submitters', 1, 16))
    .option('--results <n>', 'how many', wholeNumber('--results', 1, 16))
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/up.ts')).up(options)))
  program
    .command('down')
    .summary('drain, then stop what up started')
    .description('Drains and stops what `qubus up` started on this home. Done too when nothing runs.')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/down.ts')).down(options)))
  program
    .command('status')
    .description('Who is alive, which jobs there are, and what waits.')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/status.ts')).status(options)))
  const cluster = program.command('cluster').description('Cluster files: which pools there are, and where.')
  cluster
    .command('check')
    .summary('read a cluster file without starting anything')
    .description(
      'Reads a cluster file, ours or one of dask-jobqueue, and says what its pools are and what is wrong, with line and what to write. Where Slurm is at hand, it is asked too: partitions, limits, nodes, gres, accounts. Needs no running system.',
    )
    .argument('<file>', 'a cluster file in YAML')
    .option(...JSON_OPTION)
    .action(async (file, options) =>
      done(await (await import('./verbs/cluster-check.ts')).clusterCheck(file, options)),
    )
  program
    .command('actor')
    .summary('one actor in the foreground')
    .description('Runs one actor in the foreground; flags after its name go to it.')
    .argument('<name>', `one of: ${ActorName.options.join(', ')}`, oneOf('actor', ActorName.options))
    .argument('[flags...]', 'its own flags, such as --pool cpu')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (name, flags) => done(await (await import('./verbs/actor.ts')).actor(name, flags)))
}

function addRuns(program: Command, done: Done): void {
  program
    .command('run')
    .summary('send a flow and follow it')
    .description('Sends a flow request and follows it. Ctrl-C leaves the run going.')
    .argument(
      '<flow>',
      'FILE, FILE#export, a graph (FILE.yaml, FILE.json), or the name of a published or built-in flow',
    )
    .option('--params <json>', 'parameters as JSON, or @FILE')
    .option('-p, --param <key=value>', 'one parameter; a value that is not JSON is a string', collect)
    .option('--detach', 'return when the request is stored')
    .option('--watch', 'run it anew whenever its file, or what that imports, changes')
    .option('--id <id>', 'id of the run: asking twice with the same id is one run', token('--id'))
    .option('--run <id>', 'the same', token('--run'))
    .option('--timeout <time>', 'a run that takes longer is ended: 90s, 10m, 2h')
    .option('--project <name>', 'for lists and accounting')
    .option('--priority <n>', 'higher is sooner', wholeNumber('--priority', -1000, 1000))
    .option('--tag <tag>', 'for lists; may be given several times', collect)
    .option('--user <name>', 'for whom it is asked; default: you')
    .option('--pool <name>', "default pool of the run's steps", token('--pool'))
    .option(...JSON_OPTION)
    .action(async (flow, options) => done(await (await import('./verbs/run.ts')).run(flow, options)))
  program
    .command('publish')
    .summary('make flows known by their names')
    .description(
      'Stores the code of flow files and registers the flows that they export by name: for `qubus run NAME`, sub-flows by name, and requests from other languages.',
    )
    .argument('<files...>', 'flow files, or graphs (YAML, JSON)')
    .option(...JSON_OPTION)
    .action(async (files, options) =>
      done(await (await import('./verbs/publish.ts')).publish(files, options)),
    )
  program
    .command('unpublish')
    .description('Takes published names back. Runs of them go on.')
    .argument('<flows...>', 'names of published flows')
    .option(...JSON_OPTION)
    .action(async (names, options) =>
      done(await (await import('./verbs/publish.ts')).unpublish(names, options)),
    )
  program
    .command('flows')
    .description('The published flows: version, parameters, file, when and by whom.')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/publish.ts')).flows(options)))
  program
    .command('runs')
    .description('Runs, newest first.')
    .option('--limit <n>', 'how many at most', wholeNumber('--limit', 1, 10_000), 50)
    .option('--state <state>', `one of: ${RunState.options.join(', ')}`, oneOf('--state', RunState.options))
    .option('--flow <name>', 'only of this flow')
    .option('--project <name>', 'only of this project')
    .option('--user <name>', 'only for this user')
    .option('--tag <tag>', 'only with this tag')
    .option('--schedule <name>', 'only of this schedule', token('--schedule'))
    .option('--since <time>', 'asked for since: 30s, 10m, 2h, 1d')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/runs.ts')).runs(options)))
  program
    .command('show')
    .description('A run and its steps: what is live, and what is stored.')
    .argument('<run>', 'id of the run', token('the run id'))
    .option(...JSON_OPTION)
    .action(async (run, options) => done(await (await import('./verbs/show.ts')).show(run, options)))
  program
    .command('result')
    .description("A run's result; waits for it.")
    .argument('<run>', 'id of the run', token('the run id'))
    .option('--timeout <seconds>', 'wait no longer than this', positiveNumber('--timeout'))
    .option(...JSON_OPTION)
    .action(async (run, options) => done(await (await import('./verbs/result.ts')).result(run, options)))
  program
    .command('logs')
    .description('What a run has logged and its programs printed.')
    .argument('<run>', 'id of the run', token('the run id'))
    .option('-f, --follow', 'go on until the run has ended')
    .option('--step <n>', 'only of this step; 0 is the flow itself', wholeNumber('--step', 0))
    .option(...JSON_OPTION)
    .action(async (run, options) => done(await (await import('./verbs/logs.ts')).logs(run, options)))
  program
    .command('cancel')
    .description('Cancels a run, down to what it has running.')
    .argument('<run>', 'id of the run', token('the run id'))
    .option('--reason <text>', 'kept in its log')
    .option(...JSON_OPTION)
    .action(async (run, options) => done(await (await import('./verbs/cancel.ts')).cancel(run, options)))
  program
    .command('retry')
    .summary('go on from where a run failed')
    .description(
      'Asks for a new run that goes on from where RUN failed or was cancelled: what completed there is not done again. With FILE, by the code that it has now.',
    )
    .argument('<run>', 'id of the run that failed', token('the run id'))
    .argument('[file]', 'FILE or FILE#export; default: the code that the run had')
    .option('--id <id>', 'id of the new run', token('--id'))
    .option('--detach', 'return when the request is stored')
    .option(...JSON_OPTION)
    .action(async (run, file, options) =>
      done(await (await import('./verbs/retry.ts')).retry(run, file, options)),
    )
}

function addReplay(program: Command, done: Done): void {
  program
    .command('replay')
    .summary('run a recorded run again, here')
    .description(
      'Runs the flow of a run again, in this process, on the outcomes that its log holds, and says where it does something else: exit code 1. Sends nothing, changes nothing, and runs no task. Of a run that is under way: as far as it is recorded.',
    )
    .argument('<run>', 'id of the run', token('the run id'))
    .option(
      '--flow <file>',
      'with FILE or FILE#export (or a graph) as it is now; default: the code that it had',
    )
    .option(
      '--inspect [address]',
      "wait for a debugger and stop where the flow begins; =PORT or =HOST:PORT, default Node's 127.0.0.1:9229",
    )
    .option(...JSON_OPTION)
    .action(async (run, options) => done(await (await import('./verbs/replay.ts')).replay(run, options)))
}

function addCircuits(program: Command, done: Done): void {
  const circuit = program.command('circuit').description('Circuits in OpenQASM.')
  circuit
    .command('run')
    .summary('run circuits on a device')
    .description('Runs circuit files on a device and shows their counts (rightmost bit = classical bit 0).')
    .argument('<files...>', 'OpenQASM files')
    .option('--shots <n>', 'how often each is run', wholeNumber('--shots', 1, MOST_SHOTS), 1000)
    .option('--seed <n>', 'the same seed gives the same counts', wholeNumber('--seed', 0))
    .option('--device <id>', 'a device, vqpu (any vQPU of the pool) or any', token('--device'), 'any')
    .option('--method <name>', "the engine's method")
    .option(...JSON_OPTION)
    .action(async (files, options) =>
      done(await (await import('./verbs/circuit-run.ts')).circuitRun(files, options)),
    )
  circuit
    .command('check')
    .summary('read circuits without running them')
    .description(
      'Reads circuit files and says what they are, or what is wrong and where. Needs no running system.',
    )
    .argument('<files...>', 'OpenQASM files')
    .option(...JSON_OPTION)
    .action(async (files, options) =>
      done(await (await import('./verbs/circuit-check.ts')).circuitCheck(files, options)),
    )

  const vqpu = program.command('vqpu').description('Virtual QPUs that outlive a run.')
  vqpu
    .command('launch')
    .description('Launches a shared vQPU and waits until it is ready.')
    .argument('[id]', 'its number or name: the device is vqpu-ID', token('the vQPU id'), '1')
    .option('--engine <name>', 'the simulating program', 'embedded')
    .option('--walltime <time>', 'after this it drains and ends: 500, 30m, 8h', '24h')
    .option(...JSON_OPTION)
    .action(async (id, options) => done(await (await import('./verbs/vqpu.ts')).launch(id, options)))
  vqpu
    .command('list')
    .description('The vQPUs that are alive.')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/vqpu.ts')).list(options)))
  vqpu
    .command('drain')
    .description('Lets vQPUs finish what they have, then ends them.')
    .argument('<devices...>', 'device ids, such as vqpu-1', (text: string, before: string[] | undefined) => [
      ...(before ?? []),
      token('the device id')(text),
    ])
    .option(...JSON_OPTION)
    .action(async (devices, options) => done(await (await import('./verbs/vqpu.ts')).drain(devices, options)))
  program
    .command('devices')
    .description('What runs circuits, and what it can do.')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/devices.ts')).devices(options)))
}

function addTools(program: Command, done: Done): void {
  program
    .command('events')
    .description('The event stream, as CloudEvents.')
    .option('--run <id>', 'only of this run', token('--run'))
    .option('--since <time>', 'how far back: 30s, 10m, 2h, 1d')
    .option('-f, --follow', 'go on until interrupted')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/events.ts')).events(options)))
  program
    .command('doctor')
    .description('Checks this host: what a system here needs, and whether one answers.')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/doctor.ts')).doctor(options)))
  program
    .command('test')
    .summary("run the tests of a flow's author")
    .description(
      "Runs test files with Node's test runner; `qubus` and `qubus/test` are there with nothing installed beside them. Without files: all that Node finds.",
    )
    .argument('[files...]', 'such as my-flow.test.ts')
    .action(async (files) => done(await (await import('./verbs/test.ts')).test(files)))
  program
    .command('bench')
    .summary('benchmarks')
    .description('Runs the benchmarks, or the one named; flags go to it.')
    .argument('[name]', 'which')
    .argument('[flags...]', 'its own flags')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (name, flags) => done(await (await import('./verbs/bench.ts')).bench(name, flags)))
}
