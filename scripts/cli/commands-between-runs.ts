/** Verbs about what lies between runs: limits, signals, schedules, dead letters. */
import type { Command } from 'commander'
import { MOST_PLACES } from '#shared/contract/permit.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { collect, oneOf, token, wholeNumber } from './options.ts'

const JSON_OPTION = ['--json', 'one JSON object a line on stdout'] as const
const SCOPE_OPTION = [
  '--scope <scope>',
  'shared, or the run at the top of the tree of runs that sees it',
] as const

const STREAMS = Object.values(STREAM)

type Done = (exitCode: number) => void

export function addBetweenRuns(program: Command, done: Done): void {
  addLimits(program, done)
  addSignals(program, done)
  addSchedules(program, done)
  addDead(program, done)
}

function addLimits(program: Command, done: Done): void {
  const limit = program
    .command('limit')
    .description('Global concurrency limits: how many steps of that limit run at once, over all runs.')
  limit
    .command('set')
    .description('Makes a limit, or gives it another number of places.')
    .argument('<name>', "as in a step's limit", token('the limit'))
    .argument('<places>', 'steps at once', wholeNumber('the places', 1, MOST_PLACES))
    .option(...JSON_OPTION)
    .action(async (name, places, options) =>
      done(await (await import('./verbs/limit.ts')).set(name, places, options)),
    )
  limit
    .command('list')
    .description('The limits, how many of their places are taken, and how many steps wait.')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/limit.ts')).list(options)))
  limit
    .command('remove')
    .description('Takes a limit away: steps that ask for it from then on fail.')
    .argument('<name>', 'which', token('the limit'))
    .option('--force', 'although steps hold or wait for its places; those wait until it is set again')
    .option(...JSON_OPTION)
    .action(async (name, options) => done(await (await import('./verbs/limit.ts')).remove(name, options)))
}

function addSignals(program: Command, done: Done): void {
  const signal = program.command('signal').description('Signals, which flows set and wait for.')
  signal
    .command('set')
    .description('Sets a signal: flows that wait for it go on with the metadata.')
    .argument('<name>', 'which', token('the signal'))
    .argument('[metadata]', 'JSON, or @FILE')
    .option(...SCOPE_OPTION)
    .option(...JSON_OPTION)
    .action(async (name, metadata, options) =>
      done(await (await import('./verbs/signal.ts')).set(name, metadata, options)),
    )
  signal
    .command('get')
    .description('What a signal was set to. Exit code 1 when it is not set.')
    .argument('<name>', 'which', token('the signal'))
    .option(...SCOPE_OPTION)
    .option(...JSON_OPTION)
    .action(async (name, options) => done(await (await import('./verbs/signal.ts')).get(name, options)))
  signal
    .command('clear')
    .description('From then on the signal is not set.')
    .argument('<name>', 'which', token('the signal'))
    .option(...SCOPE_OPTION)
    .option(...JSON_OPTION)
    .action(async (name, options) => done(await (await import('./verbs/signal.ts')).clear(name, options)))
  signal
    .command('list')
    .description('All signals, or those of one scope.')
    .option(...SCOPE_OPTION)
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/signal.ts')).list(options)))
}

function addSchedules(program: Command, done: Done): void {
  const schedule = program.command('schedule').description('Flow requests that the broker repeats.')
  schedule
    .command('set')
    .summary('run a flow again and again')
    .description(
      'Asks for a run of the flow whenever it is due. The code of a FILE is kept as it is now; of a NAME, what is published when it is due.',
    )
    .argument('<name>', 'of the schedule; its runs are called NAME-TIME', token('the schedule'))
    .argument('<when>', 'cron: "0 8 * * 1-5", six fields with seconds first, @hourly, @daily, "@every 90s"')
    .argument('<flow>', 'FILE, FILE#export, or the name of a published or built-in flow')
    .option('--time-zone <name>', 'such as Europe/Berlin; default UTC')
    .option('--params <json>', 'parameters as JSON, or @FILE')
    .option('-p, --param <key=value>', 'one parameter; a value that is not JSON is a string', collect)
    .option('--timeout <time>', 'a run that takes longer is ended: 90s, 10m, 2h')
    .option('--project <name>', 'for lists and accounting')
    .option('--priority <n>', 'higher is sooner', wholeNumber('--priority', -1000, 1000))
    .option('--tag <tag>', 'for lists; may be given several times', collect)
    .option('--user <name>', 'for whom it is asked')
    .option('--pool <name>', "default pool of the run's steps", token('--pool'))
    .option(...JSON_OPTION)
    .action(async (name, when, flow, options) =>
      done(await (await import('./verbs/schedule.ts')).set(name, when, flow, options)),
    )
  schedule
    .command('list')
    .description('The schedules, when they were due last and are next.')
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/schedule.ts')).list(options)))
  schedule
    .command('remove')
    .description('Asks for no more runs of it; those that there are go on.')
    .argument('<name>', 'which', token('the schedule'))
    .option(...JSON_OPTION)
    .action(async (name, options) => done(await (await import('./verbs/schedule.ts')).remove(name, options)))
  schedule
    .command('pause')
    .description('Asks for no runs of it until it is resumed.')
    .argument('<name>', 'which', token('the schedule'))
    .option(...JSON_OPTION)
    .action(async (name, options) => done(await (await import('./verbs/schedule.ts')).pause(name, options)))
  schedule
    .command('resume')
    .description('Asks for its runs again from now on; times that have passed are not made up for.')
    .argument('<name>', 'which', token('the schedule'))
    .option(...JSON_OPTION)
    .action(async (name, options) => done(await (await import('./verbs/schedule.ts')).resume(name, options)))
}

function addDead(program: Command, done: Done): void {
  const dead = program.command('dead').description('Dead letters: messages that were given up.')
  dead
    .command('list')
    .description('Dead letters, newest first.')
    .option('--stream <name>', `one of: ${STREAMS.join(', ')}`, oneOf('--stream', STREAMS))
    .option('--limit <n>', 'how many at most', wholeNumber('--limit', 1, 10_000), 50)
    .option(...JSON_OPTION)
    .action(async (options) => done(await (await import('./verbs/dead.ts')).list(options)))
  dead
    .command('show')
    .description('One of them: where it came from, why it was given up, what it holds.')
    .argument('<id>', 'its number', wholeNumber('the id', 1))
    .option(...JSON_OPTION)
    .action(async (id, options) => done(await (await import('./verbs/dead.ts')).show(id, options)))
  dead
    .command('replay')
    .description('Puts messages back on their subjects, each once, and their letters away.')
    .argument('<ids...>', 'their numbers', (text: string, before: number[] | undefined) => [
      ...(before ?? []),
      wholeNumber('the id', 1)(text),
    ])
    .option(...JSON_OPTION)
    .action(async (ids, options) => done(await (await import('./verbs/dead.ts')).replay(ids, options)))
}
