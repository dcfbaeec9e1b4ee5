/** The life of an actor's process: connect, start, heartbeat, and stop in two stages. */
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { openBlobs } from '../bus/blobs.ts'
import { connectBus } from '../bus/connect.ts'
import { eventEmitter } from '../bus/events.ts'
import { Publisher } from '../bus/publisher.ts'
import { connectionFor } from '../config/credentials.ts'
import { type Environment, readEnvironment } from '../config/environment.ts'
import { codeOf, ERRORS, QubusError } from '../contract/errors.ts'
import type { ActorName } from '../contract/registry.ts'
import type { Actor, Running } from './actor.ts'
import { deadLetters } from './dead-letters.ts'
import { type Heartbeat, startHeartbeat } from './heartbeat.ts'

export type ActorOptions = {
  name: ActorName
  /** Unique; made up when not given. */
  id?: string
  start(actor: Actor): Promise<Running>
}

/** How long an actor may take to finish what it has, after the first signal. A second signal ends the wait. */
const DRAIN_MS = 20_000
const LAST_WORDS_MS = 1_000

/** Runs one actor in this process until a signal, or its own wish, ends it; then exits. */
export async function runActor(options: ActorOptions): Promise<void> {
  const environment = readEnvironment()
  const id =
    options.id ??
    `${options.name}-${hostname().split('.')[0]}-${process.pid}`.replaceAll(/[^A-Za-z0-9_-]/g, '-')
  const log = pino(
    { level: environment.logLevel, base: { actor: id }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination(2),
  )
  try {
    await live(options, id, environment, log)
    process.exit(0)
  } catch (error) {
    log.fatal({ err: error }, 'the actor could not go on')
    process.exit(exitCodeOf(error))
  }
}

// As the command line ends: 2 for what the caller has to mend, 3 when the system can't be reached.
function exitCodeOf(error: unknown): number {
  const kind = error instanceof QubusError ? ERRORS[codeOf(error) ?? 'INTERNAL'].kind : undefined
  return kind === 'usage' ? 2 : kind === 'system' ? 3 : 1
}

async function live(
  options: ActorOptions,
  id: string,
  environment: Environment,
  log: pino.Logger,
): Promise<void> {
  const stopping = new AbortController()
  const deadline = new AbortController()
  const stop = (why: string): void => {
    if (stopping.signal.aborted) return deadline.abort(new Error(why))
    log.info({ why }, 'stopping')
    stopping.abort(new Error(why))
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop(signal))

  await using bus = await connectBus(await connectionFor(options.name, environment), id)
  const publishers: Publisher[] = []
  let heartbeat: Heartbeat | undefined
  const actor: Actor = {
    name: options.name,
    id,
    host: hostname(),
    job: environment.job,
    environment,
    bus,
    blobs: openBlobs(bus.nc),
    log,
    emit: eventEmitter(bus.nc, `/qubus/${options.name}/${id}`),
    publisher(publisherOptions) {
      const publisher = new Publisher(bus.nc, publisherOptions)
      publishers.push(publisher)
      return publisher
    },
    beat: () => heartbeat?.beat(),
    bury: deadLetters(bus.nc, id, log),
    stopping: stopping.signal,
    stop,
  }
  void logBusErrors(actor)
  using beating = startHeartbeat(actor)
  heartbeat = beating
  heartbeat.say('starting')
  const running = await Promise.race([options.start(actor), aborted(deadline.signal)])
  if (running === undefined) return
  heartbeat.say('ready', running)
  log.info('ready')
  await aborted(stopping.signal)
  heartbeat.say('draining')
  const timer = setTimeout(() => deadline.abort(new Error('the time to drain is over')), DRAIN_MS)
  await Promise.race([running.drain(deadline.signal), aborted(deadline.signal)])
  clearTimeout(timer)
  heartbeat.say('ended')
  for (const publisher of publishers) publisher.close()
  // Without a broker there is no answer to wait for.
  await Promise.race([bus.nc.flush().catch(() => {}), pause(LAST_WORDS_MS)])
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

// A refused subject comes as an error on the connection, not on the publish: it is a bug, and must be seen.
async function logBusErrors(actor: Actor): Promise<void> {
  for await (const status of actor.bus.nc.status()) {
    if (status.type === 'error') actor.log.error({ err: status.error }, 'the broker reports an error')
    else if (status.type === 'disconnect' || status.type === 'reconnect')
      actor.log.warn(`broker: ${status.type}`)
  }
}
