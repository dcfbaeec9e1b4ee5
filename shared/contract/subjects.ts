/**
 * Every subject there is. A message's subject is its identity: it names exactly one thing, so publishing it
 * create-if-absent is all the deduplication there is. Tokens go from broad to narrow, ids last.
 */
import { shardOf } from './ids.ts'

const PREFIX = 'qubus.v1'

/** A step's place in the world; what a command's subject says. */
export type StepIdentity = { run: string; step: number; attempt: number }

export const subject = {
  /** Where clients ask for a run; the broker maps it to `flow.<shard>.<run>`. */
  request: (run: string) => `${PREFIX}.request.${run}`,
  flow: (run: string) => `${PREFIX}.flow.${shardOf(run)}.${run}`,
  task: (pool: string, id: StepIdentity) =>
    `${PREFIX}.task.${pool}.${shardOf(id.run)}.${id.run}.${id.step}.${id.attempt}`,
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
    outcome: (step: number) => `${log}.step.${step}`,
    timer: (step: number) => `${log}.step.${step}.timer`,
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
  tasks: `${PREFIX}.task.>`,
  poolTasks: (pool: string) => `${PREFIX}.task.${pool}.>`,
  runTasks: (run: string) => `${PREFIX}.task.*.${shardOf(run)}.${run}.>`,
  submissions: `${PREFIX}.submission.>`,
  runSubmissions: (run: string) => `${PREFIX}.submission.${shardOf(run)}.${run}.>`,
  circuits: `${PREFIX}.circuit.>`,
  deviceCircuits: (device: string) => `${PREFIX}.circuit.${device}.>`,
  runCircuits: (run: string) => `${PREFIX}.circuit.*.${shardOf(run)}.${run}.>`,
  allocations: `${PREFIX}.allocation.>`,
  poolAllocations: (pool: string) => `${PREFIX}.allocation.${pool}.>`,
  runAllocations: (run: string) => `${PREFIX}.allocation.*.${run}.>`,
  signals: `${PREFIX}.signal.>`,
  logs: `${PREFIX}.log.>`,
  runLogs: (run: string) => `${PREFIX}.log.${run}.>`,
  dead: `${PREFIX}.dead.>`,
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
  ]
    .map((noun) => `${PREFIX}.event.${noun}.>`)
    .concat(`${PREFIX}.event.step.running.>`),
} as const

/** Takes a command's subject apart: `task` and `circuit` have a pool or device before the shard. */
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
  | { kind: 'requested' | 'cancel' | 'completed' }
  | { kind: 'outcome' | 'timer'; step: number }
  | { kind: 'attempt' | 'route'; step: number; attempt: number }
  | { kind: 'lost'; step: number; attempt: number; nth: number }

/** Takes the subject of a record apart; undefined for one that this version does not know. */
export function parseRecordSubject(text: string): { run: string; record: RecordName } | undefined {
  const [, , , , run, head, step, detail, attempt, more, nth] = text.split('.')
  if (run === undefined) return undefined
  if (head === 'requested' || head === 'cancel' || head === 'completed')
    return { run, record: { kind: head } }
  if (head !== 'step' || step === undefined) return undefined
  const number = Number(step)
  if (detail === undefined) return { run, record: { kind: 'outcome', step: number } }
  if (detail === 'timer') return { run, record: { kind: 'timer', step: number } }
  if (detail === 'route') return { run, record: { kind: 'route', step: number, attempt: Number(attempt) } }
  if (detail !== 'attempt') return undefined
  if (nth === undefined) return { run, record: { kind: 'attempt', step: number, attempt: Number(attempt) } }
  if (more !== 'lost') return undefined
  return { run, record: { kind: 'lost', step: number, attempt: Number(attempt), nth: Number(nth) } }
}
