/** The coordinator's own runs, with everything that they touch in memory. */
import type { Draft } from '#shared/bus/publisher.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { lastToken, subject } from '#shared/contract/subjects.ts'
import type { FlowDefinition } from '#shared/flow/flow.ts'
import { openCommands } from '../../services/coordinator/commands.ts'
import type { CoordinatorContext } from '../../services/coordinator/context.ts'
import { HeldRuns } from '../../services/coordinator/held-runs.ts'
import { FlowHost } from '../../services/coordinator/thread/flow-host.ts'
import { place } from '../../services/coordinator/thread/flow-place.ts'
import type { Checked, FromThread } from '../../services/coordinator/thread/protocol.ts'
import { Lanes } from '../../services/coordinator/turns/lanes.ts'
import { delivery, type MemoryLog, type MemorySignals } from './memory.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { Work } from './work.ts'

export type TestCoordinatorOptions = {
  time: VirtualTime
  log: MemoryLog
  signals: MemorySignals
  work: Work
  flows: ReadonlyMap<string, FlowDefinition>
  onLog(draft: Draft): void
}

export type TestCoordinator = {
  take(run: string, request: Uint8Array): void
  hear: HeldRuns['hear']
  /** Nothing is held any more: all runs have ended. */
  readonly idle: boolean
  /** Why the request could not become a run. */
  readonly refused: unknown
  /** What the runs wait for, for people. */
  waiting(): string[]
}

/** A test keeps every value in its record. */
export const BLOBS = {
  toPayload: (bytes: Uint8Array) => ({ inline: bytes }),
  fromPayload: (payload: object) => (payload as { inline: Uint8Array }).inline,
}

export function openCoordinator(options: TestCoordinatorOptions): TestCoordinator {
  const { time, log, signals, work, flows } = options
  let refused: unknown
  let requests = 0
  const threads = openThreads(time, flows, (message) => held.onMessage(message.key, message))
  const to = (act: (draft: Draft) => void) => ({
    send: act,
    async create(draft: Draft) {
      act(draft)
      return 'stored' as const
    },
    missing: async () => [],
  })
  const take = (run: string, request: Uint8Array): void =>
    held.take(run, delivery(subject.flow(run), request, ++requests, time.now()))
  const context: CoordinatorContext = {
    id: 'test',
    host: 'test',
    warn() {},
    emit() {},
    clock: time,
    store: log,
    blobs: BLOBS as never,
    threads,
    bundles: { fileOf: async () => '' },
    commands: openCommands({
      find: async () => undefined,
      blobs: BLOBS,
      tasks: to((draft) => work.task(draft)),
      submissions: to((draft) => work.circuit(draft)),
      permits: to((draft) => work.permit(draft)),
      allocations: to((draft) => work.allocation(draft)),
      requests: to((draft) => take(lastToken(draft.subject), draft.body)),
    }),
    queues: { prepare: () => undefined },
    lanes: new Lanes({ clock: time, placesOf: () => 64 }),
    signals,
    cache: { find: async () => undefined, keep() {} },
    log: (draft) => options.onLog(draft),
    control: (run) => work.look(run),
    drainDevice: async () => true,
    why: () => undefined,
    lives: () => true,
    leaseHolds: () => true,
  }
  const held: HeldRuns = new HeldRuns({
    context,
    findCode: async ({ flow, bundle = '0'.repeat(64) }) => {
      if (!flows.has(flow))
        throw new QubusError('UNKNOWN_FLOW', `no flow ${JSON.stringify(flow)} is in this test`)
      return { bundle }
    },
    hearing: () => ({
      cancels: { heard() {}, possible: () => true },
      async cover() {},
      uncover() {},
    }),
    async refuse(_run, _delivery, error) {
      refused = error
    },
    onRoom() {},
    onUnreadable(error) {
      refused = error
    },
  })
  return {
    take,
    hear: (heard) => held.hear(heard),
    get idle() {
      return held.runs.size === 0 && held.accepting === 0
    },
    get refused() {
      return refused
    },
    waiting: () =>
      [...held.runs.values()].flatMap((run) =>
        run
          .view()
          .steps.map(({ step, name, waiting }) => `step ${step} (${name})${waiting ? `: ${waiting}` : ''}`),
      ),
  }
}

type Threads = CoordinatorContext['threads']

function openThreads(
  time: VirtualTime,
  flows: ReadonlyMap<string, FlowDefinition>,
  onMessage: (message: Extract<FromThread, { key: string }>) => void,
): Threads {
  const checks = new Map<number, (checked: Checked) => void>()
  const effects = new Map<string, () => void>()
  let count = 0
  const host = new FlowHost({
    find({ flow }) {
      const found = flows.get(flow)
      if (found === undefined)
        throw new QubusError('UNKNOWN_FLOW', `no flow ${JSON.stringify(flow)} is in this test`)
      return found
    },
    send(message) {
      if (message.type === 'checked') checks.get(message.id)?.(message.checked)
      if (message.type === 'effect') effects.get(`${message.key} ${message.step}`)?.()
      // It was the flow's code that said it; what follows from it is not.
      if ('key' in message) place.exit(() => setImmediate(() => onMessage(message)))
    },
  })
  return {
    check(bundle, params, now) {
      const id = ++count
      return new Promise((resolve) => {
        checks.set(id, resolve)
        host.receive({ type: 'check', id, bundle, params, now })
      })
    },
    start(flow) {
      const key = `${flow.run}#${++count}`
      host.receive({ type: 'start', key, ...flow })
      return key
    },
    send(key, message) {
      // The code of a side effect takes the time that it takes.
      if (message.type === 'execute')
        void time.during(new Promise<void>((resolve) => effects.set(`${key} ${message.step}`, resolve)))
      host.receive(message)
    },
    drop: (key) => host.receive({ type: 'drop', key }),
  }
}
