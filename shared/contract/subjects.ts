/**
 * Every subject there is. A message's subject is its identity: it names exactly one thing, so publishing it
 * create-if-absent is all the deduplication there is. Tokens go from broad to narrow, ids last.
 */
import { SHARDS, shardOf } from './ids.ts'
import { PLAIN_SHAPE } from './shape.ts'

const PREFIX = 'qubus.v1'

/** A step's place in the world; what a command's subject says. */
export type StepIdentity = { run: string; step: number; attempt: number }

export const subject = {
  /** Where clients ask for a run; the broker maps it to `flow.<shard>.<run>`. */
  request: (run: string) => `${PREFIX}.request.${run}`,
  flow: (run: string) => `${PREFIX}.flow.${shardOf(run)}.${run}`,
  /** A sub-flow's request: it has queues of its own, so that runs that wait for theirs can't keep it from starting. */
  childFlow: (run: string) => `${PREFIX}.flow.${SHARDS + shardOf(run)}.${run}`,
  task: (pool: string, id: StepIdentity, shape: string = PLAIN_SHAPE) =>
    `${PREFIX}.task.${pool}.${shape}.${shardOf(id.run)}.${id.run}.${id.step}.${id.attempt}`,
  /** Asks for one of the places of a global limit, for a command that goes on when it has one. */
  permit: (limit: string, id: StepIdentity) =>
    `${PREFIX}.permit.${limit}.${shardOf(id.run)}.${id.run}.${id.step}.${id.attempt}`,
  /** `scope`: `shared`, or the run at the top. */
  signal: (scope: string, name: string) => `${PREFIX}.signal.${scope}.${name}`,
  /** `key`: a digest. */
  cache: (key: string) => `${PREFIX}.cache.${key}`,
  /** `key`: {@link publishedKey} of the flow's name. */
  published: (key: string) => `${PREFIX}.published.${key}`,
  schedule: (name: string) => `${PREFIX}.schedule.${name}`,
  /** What the broker says when a schedule is due. */
  tick: (name: string) => `${PREFIX}.tick.${name}`,
  submission: (id: StepIdentity) =>
    `${PREFIX}.submission.${shardOf(id.run)}.${id.run}.${id.step}.${id.attempt}`,
  circuit: (device: string, id: StepIdentity) =>
    `${PREFIX}.circuit.${device}.${shardOf(id.run)}.${id.run}.${id.step}.${id.attempt}`,
  allocation: (pool: string, run: string, id: string) => `${PREFIX}.allocation.${pool}.${run}.${id}`,
  log: (run: string, step: number, attempt: number) => `${PREFIX}.log.${run}.${step}.${attempt}`,
  event: (noun: string, verb: string, run: string | undefined, id: string) =>
    `${PREFIX}.event.${noun}.${verb}.${run ?? '_'}.${id}`,
  /** "Look at the log of this run": not stored. */
  control: (run: string) => `${PREFIX}.control.${run}`,
  /** A queue was made that was not there before: whoever serves its pool may look. Not stored. */
  queueMade: (pool: string) => `${PREFIX}.queue.made.${pool}`,
  /** Asked of whoever holds a run: its live steps. */
  inspect: (run: string) => `${PREFIX}.inspect.${run}`,
  /** Asked of the results actors. */
  query: (name: string) => `${PREFIX}.query.${name}`,
  /** Asked of one actor: `drain` and the like. */
  command: (actor: string, verb: string) => `${PREFIX}.command.${actor}.${verb}`,
  /** `of` is the subject of the message that was given up. */
  dead: (stream: string, of: string) => `${PREFIX}.dead.${stream}.${of.slice(PREFIX.length + 1)}`,
} as const

/** Subjects of the records that make up the log of one run. */
export function record(run: string) {
  const log = `${PREFIX}.run.${shardOf(run)}.${run}`
  return {
    requested: `${log}.requested`,
    cancel: `${log}.cancel`,
    completed: `${log}.completed`,
    /** Attempt `k` of the flow as a whole failed, and another one follows. */
    flowAttempt: (attempt: number) => `${log}.attempt.${attempt}`,
    /** The id stays taken after the log is gone. */
    retired: `${log}.retired`,
    outcome: (step: number) => `${log}.step.${step}`,
    timer: (step: number) => `${log}.step.${step}.timer`,
    wait: (step: number) => `${log}.step.${step}.wait`,
    attempt: (step: number, attempt: number) => `${log}.step.${step}.attempt.${attempt}`,
    lost: (step: number, attempt: number, nth: number) =>
      `${log}.step.${step}.attempt.${attempt}.lost.${nth}`,
    route: (step: number, attempt: number) => `${log}.step.${step}.route.${attempt}`,
    all: `${log}.>`,
  }
}

/** Subjects with wildcards: what streams capture and consumers filter. */
export const filter = {
  requests: `${PREFIX}.request.*`,
  flows: (shard: number) => `${PREFIX}.flow.${shard}.*`,
  childFlows: (shard: number) => `${PREFIX}.flow.${SHARDS + shard}.*`,
  flowAnyShard: (run: string) => `${PREFIX}.flow.*.${run}`,
  /** Destination of the broker's mapping of {@link filter.requests}. */
  flowMapping: `${PREFIX}.flow.{{partition(16,1)}}.{{wildcard(1)}}`,
  flowRequests: `${PREFIX}.flow.*.*`,
  /** A request that was taken is told of by the broker itself, whoever published it. */
  runQueuedMapping: `${PREFIX}.event.run.queued.{{wildcard(2)}}.{{wildcard(2)}}`,
  runs: `${PREFIX}.run.>`,
  runShard: (shard: number) => `${PREFIX}.run.${shard}.>`,
  /** Every record of a step; republished to `event.step.recorded.<run>.…` without the body. */
  stepRecords: `${PREFIX}.run.*.*.step.>`,
  stepRecordedMapping: `${PREFIX}.event.step.recorded.{{wildcard(2)}}.>`,
  /** The broker's word that a step has an outcome, or that this attempt of it failed. */
  outcomeRecorded: ({ run, step }: StepIdentity) => `${PREFIX}.event.step.recorded.${run}.${step}`,
  attemptRecorded: ({ run, step, attempt }: StepIdentity) =>
    `${PREFIX}.event.step.recorded.${run}.${step}.attempt.${attempt}`,
  tasks: `${PREFIX}.task.>`,
  poolTasks: (pool: string, shape: string = PLAIN_SHAPE) => `${PREFIX}.task.${pool}.${shape}.>`,
  runTasks: (run: string) => `${PREFIX}.task.*.*.${shardOf(run)}.${run}.>`,
  permits: `${PREFIX}.permit.>`,
  limitPermits: (limit: string) => `${PREFIX}.permit.${limit}.>`,
  runPermits: (run: string) => `${PREFIX}.permit.*.${shardOf(run)}.${run}.>`,
  submissions: `${PREFIX}.submission.>`,
  runSubmissions: (run: string) => `${PREFIX}.submission.${shardOf(run)}.${run}.>`,
  circuits: `${PREFIX}.circuit.>`,
  deviceCircuits: (device: string) => `${PREFIX}.circuit.${device}.>`,
  runCircuits: (run: string) => `${PREFIX}.circuit.*.${shardOf(run)}.${run}.>`,
  allocations: `${PREFIX}.allocation.>`,
  poolAllocations: (pool: string) => `${PREFIX}.allocation.${pool}.>`,
  runAllocations: (run: string) => `${PREFIX}.allocation.*.${run}.>`,
  signals: `${PREFIX}.signal.>`,
  scopeSignals: (scope: string) => `${PREFIX}.signal.${scope}.>`,
  cache: `${PREFIX}.cache.*`,
  published: `${PREFIX}.published.*`,
  schedules: `${PREFIX}.schedule.*`,
  ticks: `${PREFIX}.tick.*`,
  logs: `${PREFIX}.log.>`,
  runLogs: (run: string) => `${PREFIX}.log.${run}.>`,
  dead: `${PREFIX}.dead.>`,
  /** What came from one stream; `*`: from any. */
  deadOf: (stream: string) => `${PREFIX}.dead.${stream}.>`,
  controls: `${PREFIX}.control.*`,
  inspects: `${PREFIX}.inspect.*`,
  queries: `${PREFIX}.query.*`,
  commands: (actor: string) => `${PREFIX}.command.${actor}.*`,
  /** Everything for those who watch, live. */
  events: `${PREFIX}.event.>`,
  runEvents: (run: string) => `${PREFIX}.event.*.*.${run}.>`,
  /** Of the run itself, without those of its steps. */
  runOwnEvents: (run: string) => `${PREFIX}.event.run.*.${run}.>`,
  /** What `EVENTS` keeps: all but the republished step records, whose history is `RUNS` itself. */
  storedEvents: [
    'run',
    'attempt',
    'allocation',
    'job',
    'vqpu',
    'device',
    'circuit',
    'actor',
    'artifact',
    'engine',
    'signal',
    'schedule',
  ]
    .map((noun) => `${PREFIX}.event.${noun}.>`)
    .concat(`${PREFIX}.event.step.running.>`),
} as const

/**
 * Takes a command's subject apart: the pool, device or limit before the shard is its `target`; a submission has none.
 * Of a task, the shape follows the pool.
 */
export function parseCommandSubject(text: string): StepIdentity & { target: string } {
  const tokens = text.split('.')
  const n = tokens.length
  return {
    target: tokens[2] === 'submission' ? '' : (tokens[3] ?? ''),
    run: tokens[n - 3] ?? '',
    step: Number(tokens[n - 2]),
    attempt: Number(tokens[n - 1]),
  }
}

/** The run in `flow.<shard>.<run>`, `control.<run>`, `inspect.<run>`: the last token. */
export function lastToken(text: string): string {
  return text.slice(text.lastIndexOf('.') + 1)
}

/** What a record of a run's log is about. */
export type RecordName =
  | { kind: 'requested' | 'cancel' | 'completed' | 'retired' }
  | { kind: 'flow-attempt'; attempt: number }
  | { kind: 'outcome' | 'timer' | 'wait'; step: number }
  | { kind: 'attempt' | 'route'; step: number; attempt: number }
  | { kind: 'lost'; step: number; attempt: number; nth: number }

/** Takes the subject of a record apart; undefined for one that this version does not know. */
export function parseRecordSubject(text: string): { run: string; record: RecordName } | undefined {
  const [, , , , run, head, step, detail, attempt, more, nth] = text.split('.')
  if (run === undefined) return undefined
  if (head === 'requested' || head === 'cancel' || head === 'completed' || head === 'retired')
    return { run, record: { kind: head } }
  if (step === undefined) return undefined
  const number = Number(step)
  if (head === 'attempt') return { run, record: { kind: 'flow-attempt', attempt: number } }
  if (head !== 'step') return undefined
  if (detail === undefined) return { run, record: { kind: 'outcome', step: number } }
  if (detail === 'timer' || detail === 'wait') return { run, record: { kind: detail, step: number } }
  if (detail === 'route') return { run, record: { kind: 'route', step: number, attempt: Number(attempt) } }
  if (detail !== 'attempt') return undefined
  if (nth === undefined) return { run, record: { kind: 'attempt', step: number, attempt: Number(attempt) } }
  if (more !== 'lost') return undefined
  return { run, record: { kind: 'lost', step: number, attempt: Number(attempt), nth: Number(nth) } }
}
