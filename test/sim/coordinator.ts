/** A coordinator: the real one's runs, steps, turns and lease, on the simulated broker and virtual time. */
import type { Creation, Draft } from '#shared/bus/publisher.ts'
import { isRetryable } from '#shared/contract/errors.ts'
import { ACK_WAIT_SECONDS, WORKING_INTERVAL_SECONDS } from '#shared/contract/streams.ts'
import { lastToken } from '#shared/contract/subjects.ts'
import { openCommands } from '../../services/coordinator/commands.ts'
import type { CoordinatorContext } from '../../services/coordinator/context.ts'
import { earlyCancels } from '../../services/coordinator/early-cancels.ts'
import { HeldRuns } from '../../services/coordinator/held-runs.ts'
import { Lanes } from '../../services/coordinator/turns/lanes.ts'
import type { Listener, SimBroker, Taker } from './broker.ts'
import { openThreads } from './threads.ts'
import type { Process } from './world.ts'

const BLOBS = {
  toPayload: (bytes: Uint8Array) => ({ inline: bytes }),
  fromPayload: (payload: object) => (payload as { inline: Uint8Array }).inline,
}

export type SimCoordinator = Taker &
  Listener & {
    held: HeldRuns
    lanes: Lanes
    heard(run: string, step: number, by: string, forMs: number): void
    /** After the broker was away. */
    reconnected(): void
    /** Its flow threads end, and are started anew. */
    loseThreads(): void
    kill(): void
  }

export function startCoordinator(
  broker: SimBroker,
  name: string,
  control: (run: string) => void,
  places: number,
  lives: (worker: string) => boolean,
): SimCoordinator {
  const { world } = broker
  const process: Process = { name, dead: false, frozenUntil: 0 }
  let renewedAt = world.now
  const missed = (): boolean => world.now - renewedAt > ACK_WAIT_SECONDS * 1000
  const renew = (): void => {
    if (missed()) held.abandon()
    else for (const delivery of held.deliveries()) delivery.working()
    renewedAt = world.now
  }
  const clock = {
    now: () => world.now,
    at: (dueAt: number, then: () => void) => world.at(dueAt, then, process),
  }
  const lanes = new Lanes({ clock, placesOf: () => places })
  const threads = openThreads(world, process, (key, message) => held.onMessage(key, message))
  const sender = {
    send: (draft: Draft): void => void broker.command(draft, process),
    create: (draft: Draft): Promise<Creation> => broker.command(draft, process),
    missing: (subjects: string[]) => broker.missing(subjects, process),
  }
  const none = { create: () => Promise.reject(new Error('not in this simulation')) }
  const context: CoordinatorContext = {
    id: name,
    host: name,
    warn() {},
    emit() {},
    clock,
    store: {
      create: (draft) => broker.create(draft, process),
      last: (...subjects) => broker.last(subjects, process),
      read: (run) => broker.read(run, process),
    },
    blobs: BLOBS as never,
    threads,
    bundles: { fileOf: async () => 'sim' },
    commands: openCommands({
      find: async (_stream, at) => {
        const found = broker.tasks.get(at)
        return found && { data: found.body }
      },
      blobs: BLOBS,
      tasks: sender,
      submissions: sender,
      permits: sender,
      allocations: none,
      requests: { create: (draft) => broker.request(draft, process) },
    }),
    queues: { prepare: () => undefined },
    lanes,
    signals: {
      change: (place, change, by) => broker.change(place, change, by, process),
      watch: (place, tell) => broker.watch(place, process, tell),
    },
    cache: { find: async () => undefined, keep() {} },
    log() {},
    control,
    drainDevice: async () => true,
    why: () => undefined,
    lives,
    leaseHolds() {
      if (!missed()) return true
      renew()
      return false
    },
  }
  const hearing = {
    cancels: earlyCancels(world.now),
    cover: () => world.wait(world.latency(), process),
    uncover() {},
  }
  const held: HeldRuns = new HeldRuns({
    context,
    findCode: async () => ({ bundle: 'a'.repeat(64) }),
    hearing: () => hearing,
    async refuse(run, delivery, error) {
      const { code = 'INTERNAL' } = error as { code?: string }
      if (isRetryable(code)) delivery.nak(Math.min(10_000, 200 * 2 ** delivery.deliveries))
      else world.violations.push(`the request of ${run} was buried: ${String(error)}`)
    },
    onRoom: () => broker.offer(),
    onUnreadable: (error, at) => world.violations.push(`${at} can not be read: ${String(error)}`),
  })
  const repeat = (olderMs: number): void => {
    for (const run of held.runs.values()) run.repeat(olderMs).catch(() => {})
  }
  world.every(WORKING_INTERVAL_SECONDS * 1000, renew, process)
  world.every(15_000, () => repeat(15_000), process)
  return {
    process,
    held,
    lanes,
    heardAt: 0,
    room: () => 64 - held.accepting,
    isStale: missed,
    take: (delivery) => held.take(lastToken(delivery.subject), delivery),
    hear: (delivery) => held.hear(delivery),
    heard: (run, step, by, forMs) =>
      held.runs.get(run)?.heard(step, { at: world.now, node: 'sim', by }, forMs),
    reconnected: () => world.after(2_000, () => repeat(0), process),
    loseThreads() {
      const keys = threads.loseAll()
      if (keys.length > 0) held.onMoved(keys, undefined, 'a thread ended')
    },
    kill() {
      process.dead = true
      threads.loseAll()
    },
  }
}
