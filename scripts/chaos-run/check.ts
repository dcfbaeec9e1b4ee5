/** What must hold after a round, whatever happened in it. */
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { listConsumers } from '#shared/bus/consumers.ts'
import { readAll } from '#shared/bus/direct.ts'
import { CompletedRecord } from '#shared/contract/run-record.ts'
import { StepOutcome } from '#shared/contract/step-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { filter, parseRecordSubject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { persist } from './persist.ts'
import { orphansAmong, processesOf } from './processes.ts'
import type { PlannedRound, Played } from './round.ts'
import { type ChaosSystem, COUNTS } from './system.ts'

export type Verdict = {
  violations: string[]
  /** Sub-flows too. */
  runs: number
  steps: number
  /** Executions of tasks beyond the first of an attempt. */
  again: number
}

/** Of a run, as its log has it. */
type Log = {
  subjects: string[]
  completed: CompletedRecord | undefined
  outcomes: Map<number, StepOutcome>
}

/** Where the next round's records begin. */
export async function endOfRuns({ nc }: ChaosSystem): Promise<number> {
  const { state } = await persist(() => streamInfo(nc, STREAM.runs))
  return state.last_seq + 1
}

export async function checkRound(
  round: PlannedRound,
  { outcomes }: Played,
  system: ChaosSystem,
  from: number,
  effects: string,
): Promise<Verdict> {
  const violations = checkOutcomes(round, outcomes)
  // What did not end leaves everything else unsettled too.
  const unended = [...outcomes.values()].some((outcome) => outcome === undefined)
  const waits = unended ? [] : [untilHolds(() => leftOver(system)), untilHolds(() => wrongProcesses(system))]
  violations.push(...(await Promise.all(waits)).flat())
  const logs = await persist(() => readLogs(system, from))
  for (const [run, log] of logs) violations.push(...checkLog(run, log))
  for (const { run } of round.runs) if (!logs.has(run)) violations.push(`${run} has no log`)
  const executed = await executions(effects)
  violations.push(...checkExecutions(logs, executed))
  if (!unended) violations.push(...(await untilHolds(() => checkStored(system, logs))))
  return {
    violations,
    runs: logs.size,
    steps: [...logs.values()].reduce((sum, { outcomes }) => sum + outcomes.size, 0),
    again: [...executed.values()].reduce((sum, times) => sum + times - 1, 0),
  }
}

function checkOutcomes({ runs }: PlannedRound, outcomes: Played['outcomes']): string[] {
  return runs.flatMap(({ run, expected }) => {
    const outcome = outcomes.get(run)
    if (outcome === undefined) return [`${run} did not end`]
    const { code, message } = outcome.error ?? {}
    const got = `${outcome.state}: ${JSON.stringify(outcome.result ?? { code, message })}`
    if (outcome.state !== expected.state) return [`${run} was to be ${expected.state}, and is ${got}`]
    if (expected.state === 'completed' && !isDeepStrictEqual(outcome.result, expected.result))
      return [`${run} was to come to ${JSON.stringify(expected.result)}, and came to ${got}`]
    if (expected.state === 'failed' && outcome.error?.message !== expected.message)
      return [`${run} was to fail with ${JSON.stringify(expected.message)}, and is ${got}`]
    return []
  })
}

async function readLogs({ nc }: ChaosSystem, from: number): Promise<Map<string, Log>> {
  const logs = new Map<string, Log>()
  for await (const page of readAll(nc, STREAM.runs, filter.runs, from))
    for (const { subject, data } of page) {
      const parsed = parseRecordSubject(subject)
      if (parsed === undefined) continue
      const log: Log = logs.get(parsed.run) ?? { subjects: [], completed: undefined, outcomes: new Map() }
      logs.set(parsed.run, log)
      log.subjects.push(subject)
      if (parsed.record.kind === 'completed') log.completed = decode(CompletedRecord, data)
      if (parsed.record.kind === 'outcome') log.outcomes.set(parsed.record.step, decode(StepOutcome, data))
    }
  return logs
}

function checkLog(run: string, { subjects, completed, outcomes }: Log): string[] {
  const twice = subjects.filter((subject, i) => subjects.indexOf(subject) !== i)
  const violations = twice.map((subject) => `${subject} is recorded more than once`)
  if (completed === undefined) return [...violations, `the log of ${run} has no end`]
  if (completed.state === 'completed') {
    const missing = Array.from({ length: completed.steps }, (_, i) => i + 1).filter(
      (step) => !outcomes.has(step),
    )
    if (missing.length > 0) violations.push(`${run} completed without the outcomes of its steps ${missing}`)
    if (outcomes.size > completed.steps)
      violations.push(`${run} has ${outcomes.size} outcomes of ${completed.steps} steps`)
  }
  return violations
}

/** How often each attempt began, by `run step attempt`. */
async function executions(effects: string): Promise<Map<string, number>> {
  const text = await readFile(effects, 'utf8').catch(() => '')
  const times = new Map<string, number>()
  for (const line of text.split('\n').slice(0, -1)) times.set(line, (times.get(line) ?? 0) + 1)
  return times
}

// At least once executed: what is recorded was done.
function checkExecutions(logs: Map<string, Log>, executed: Map<string, number>): string[] {
  const violations: string[] = []
  for (const [run, { outcomes }] of logs)
    for (const [step, { kind, name, state, attempt, from }] of outcomes)
      if (kind === 'task' && name === 'square' && state === 'completed' && from === undefined)
        if (!executed.has(`${run} ${step} ${attempt}`))
          violations.push(`${run} step ${step} completed with attempt ${attempt}, which never ran`)
  return violations
}

const COMMANDS = [
  STREAM.tasks,
  STREAM.submissions,
  STREAM.circuits,
  STREAM.permits,
  STREAM.allocations,
] as const

/** Commands, permits, requests and dead letters that nobody has dealt with. */
async function leftOver({ nc }: ChaosSystem): Promise<string[]> {
  const left: string[] = []
  for (const stream of COMMANDS)
    for (const { name, ackPending, pending } of await listConsumers(nc, stream))
      if (ackPending + pending > 0) left.push(`${stream} ${name}: ${ackPending} are held and ${pending} wait`)
  for (const stream of [STREAM.flows, STREAM.dead]) {
    const { messages } = (await streamInfo(nc, stream)).state
    if (messages > 0) left.push(`${stream} has ${messages} messages`)
  }
  return left
}

async function wrongProcesses({ home }: ChaosSystem): Promise<string[]> {
  const all = processesOf(home)
  const wrong = orphansAmong(all).map(({ pid, command }) => `process ${pid} is an orphan: ${command}`)
  for (const [kind, wanted] of Object.entries(COUNTS)) {
    const { length } = all.filter((each) => each.kind === kind)
    // One more vQPU may have been started for a backlog; it ends when it is idle.
    if (length < wanted || length > wanted + (kind === 'vqpu' ? 1 : 0))
      wrong.push(`${length} processes are a ${kind}, not ${wanted}`)
  }
  return wrong
}

async function checkStored({ client }: ChaosSystem, logs: Map<string, Log>): Promise<string[]> {
  const wrong: string[] = []
  for (const [run, { completed, outcomes }] of logs) {
    const stored = await client.query('run', { run })
    if (stored.run?.state !== completed?.state)
      wrong.push(`Postgres has ${run} as ${stored.run?.state}, its log as ${completed?.state}`)
    const { steps } = await client.query('steps', { run, limit: 10_000 })
    const numbers = steps.map(({ step }) => step)
    if (
      !isDeepStrictEqual(
        numbers,
        [...outcomes.keys()].sort((a, b) => a - b),
      )
    )
      wrong.push(`Postgres has steps ${numbers} of ${run}, its log ${[...outcomes.keys()]}`)
    const circuits = [...outcomes.values()].filter(
      ({ kind, state }) => kind === 'circuit' && state === 'completed',
    )
    const rows = (await client.query('circuits', { run, limit: 10_000 })).circuits.length
    if (rows !== circuits.length)
      wrong.push(`Postgres has ${rows} circuits of ${run}, its log ${circuits.length}`)
  }
  return wrong
}

const SETTLE_MS = 60_000

/** Looks until nothing is wrong; what still is after a while, is. */
async function untilHolds(look: () => Promise<string[]>): Promise<string[]> {
  const end = performance.now() + SETTLE_MS
  for (;;) {
    const wrong = await look().catch((error: Error) => [`it could not be looked at: ${error.message}`])
    if (wrong.length === 0 || performance.now() > end) return wrong
    await pause(200)
  }
}

type StreamInfo = { state: { last_seq: number; messages: number } }

async function streamInfo(nc: ChaosSystem['nc'], stream: string): Promise<StreamInfo> {
  const reply = await nc.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeout: 5_000 })
  const info = JSON.parse(reply.string()) as StreamInfo & { error?: { description: string } }
  if (info.error) throw new Error(`${stream}: ${info.error.description}`)
  return info
}
