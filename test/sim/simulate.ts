/** One simulation: some programs, a seed, and what goes wrong when. */

import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { CompletedRecord } from '#shared/contract/run-record.ts'
import { parseRecordSubject, record, subject } from '#shared/contract/subjects.ts'
import { decode, encode } from '#shared/wire/message.ts'
import { decodeValue, encodeValue } from '#shared/wire/value.ts'
import { SimBroker } from './broker.ts'
import { type SimCoordinator, startCoordinator } from './coordinator.ts'
import { anyProgram, expected, type Program } from './programs.ts'
import { type SimWorker, startWorker } from './worker.ts'
import { type Process, World } from './world.ts'

export type Fault = {
  what:
    | 'kill coordinator'
    | 'stop coordinator'
    | 'kill worker'
    | 'freeze coordinator'
    | 'freeze worker'
    | 'restart broker'
    | 'lose threads'
    | 'cancel run'
  at: number
  which: number
  forMs: number
}

export type Case = {
  programs: Program[]
  seed: number
  spread: number
  loss: number
  coordinators: number
  workers: number
  places: number
  faults: Fault[]
}

export const anyCase: fc.Arbitrary<Case> = fc.record({
  programs: fc.array(anyProgram, { minLength: 1, maxLength: 3 }),
  seed: fc.nat(),
  spread: fc.constantFrom(0, 50, 1_000, 8_000),
  loss: fc.constantFrom(0, 0.01, 0.1),
  coordinators: fc.integer({ min: 1, max: 2 }),
  workers: fc.integer({ min: 1, max: 2 }),
  places: fc.integer({ min: 1, max: 3 }),
  faults: fc.array(
    fc.record({
      what: fc.constantFrom<Fault['what'][]>(
        'kill coordinator',
        'stop coordinator',
        'kill worker',
        'freeze coordinator',
        'freeze worker',
        'restart broker',
        'lose threads',
        'cancel run',
      ),
      at: fc.nat(60_000),
      which: fc.nat(9),
      forMs: fc.nat(30_000),
    }),
    { maxLength: 6 },
  ),
})

const HOURS = 3_600_000
const CLIENT: Process = { name: 'client', dead: false, frozenUntil: 0 }

/** Plays it to its end. @throws Error with everything that was not as it must be. */
export async function simulate(what: Case): Promise<{ broker: SimBroker; events: number }> {
  const world = new World(what)
  const broker = new SimBroker(world)
  const coordinators: SimCoordinator[] = []
  const workers: SimWorker[] = []
  let names = 0
  const control = (run: string): void => {
    for (const worker of workers) if (!world.isLost()) worker.askAgain(run)
  }
  const addCoordinator = (): void => {
    const coordinator = startCoordinator(broker, `coordinator-${++names}`, control, what.places, (id) =>
      // One that is frozen looks dead.
      workers.some(({ process }) => process.name === id && process.frozenUntil <= world.now),
    )
    coordinators.push(coordinator)
    broker.coordinators.add(coordinator)
    broker.offer()
  }
  const addWorker = (): void => {
    const name = `worker-${++names}`
    const worker = startWorker(broker, name, (run, step, forMs) => {
      for (const each of coordinators)
        if (!world.isLost())
          world.after(world.latency(), () => each.heard(run, step, name, forMs), each.process)
    })
    workers.push(worker)
    broker.workers.add(worker)
    broker.offer()
  }
  for (let i = 0; i < what.coordinators; i++) addCoordinator()
  for (let i = 0; i < what.workers; i++) addWorker()
  world.every(1_000, () => broker.offer(), CLIENT)

  const roots = what.programs.map((_, i) => `root-${i}`)
  const cancelled = new Set<string>()
  for (const [i, program] of what.programs.entries()) {
    const request = {
      flow: 'program',
      bundle: 'a'.repeat(64),
      payload: { inline: encodeValue({ what: program, path: `p${i}` }, 'the parameters') },
    }
    void broker.request({ subject: subject.flow(`root-${i}`), body: encode(request) }, CLIENT)
  }
  for (const fault of what.faults) world.after(fault.at, () => strike(fault))

  function strike({ what: kind, which, forMs }: Fault): void {
    const coordinator = coordinators[which % coordinators.length] as SimCoordinator
    const worker = workers[which % workers.length] as SimWorker
    switch (kind) {
      case 'stop coordinator':
      case 'kill coordinator':
        if (kind === 'stop coordinator') coordinator.held.handBack()
        coordinator.kill()
        coordinators.splice(coordinators.indexOf(coordinator), 1)
        broker.coordinators.delete(coordinator)
        if (coordinators.length === 0) addCoordinator()
        else world.after(forMs, addCoordinator)
        return
      case 'kill worker':
        worker.process.dead = true
        workers.splice(workers.indexOf(worker), 1)
        broker.workers.delete(worker)
        if (workers.length === 0) addWorker()
        else world.after(forMs, addWorker)
        return
      case 'freeze coordinator':
        coordinator.process.frozenUntil = world.now + forMs
        return
      case 'freeze worker':
        worker.process.frozenUntil = world.now + forMs
        return
      case 'restart broker':
        broker.restart()
        for (const each of coordinators) each.reconnected()
        return
      case 'lose threads':
        return coordinator.loseThreads()
      case 'cancel run': {
        const run = roots[which % roots.length] as string
        cancelled.add(run)
        const body = encode({ by: 'a client', at: world.now })
        broker.create({ subject: record(run).cancel, body }, CLIENT).then(
          () => control(run),
          () => {},
        )
      }
    }
  }

  const ended = (): boolean =>
    world.now > 1_700_000_000_000 + 60_000 &&
    roots.every((run) => broker.has(record(run).completed)) &&
    broker.flows.size === 0 &&
    [...broker.tasks.values()].every(({ acked }) => acked)
  const inTime = await world.run(ended, HOURS)
  const wrong = [...world.violations]
  if (!inTime) wrong.push(`it did not end:\n${stateOf(broker, coordinators)}`)
  if (wrong.length === 0) {
    // Whoever is told that a run has ended lets go of it.
    await world.run(() => coordinators.every(({ held }) => held.runs.size === 0), 60_000)
    wrong.push(...world.violations, ...check(broker, what.programs, cancelled), ...pending(coordinators))
  }
  for (const coordinator of coordinators) coordinator.kill()
  if (wrong.length > 0) throw new Error(`${wrong.join('\n')}\n${historyOf(broker)}`)
  return { broker, events: world.happened }
}

function check(broker: SimBroker, programs: Program[], cancelled: Set<string>): string[] {
  const wrong: string[] = []
  const outcomes = new Map<string, number[]>()
  const asked = new Map<string, number>()
  for (const { subject: at, data } of broker.log) {
    const { run = '', record: name } = parseRecordSubject(at) ?? {}
    if (name?.kind === 'outcome') outcomes.set(run, [...(outcomes.get(run) ?? []), name.step])
    if (name?.kind === 'completed') asked.set(run, decode(CompletedRecord, data).steps)
  }
  for (const [run, steps] of outcomes) {
    if (new Set(steps).size !== steps.length) wrong.push(`${run} has a step with two outcomes: ${steps}`)
    if (!asked.has(run)) wrong.push(`${run} has steps and no end`)
  }
  for (const [i, program] of programs.entries()) {
    const run = `root-${i}`
    const [stored] = broker.log.filter(({ subject: at }) => at === record(run).completed)
    const { state, result, error, steps } = decode(CompletedRecord, stored?.data ?? new Uint8Array())
    if (cancelled.has(run) && state === 'cancelled') continue
    const value = result && 'inline' in result ? decodeValue(result.inline) : undefined
    if (state !== 'completed' || !isDeepStrictEqual(value, expected(program)))
      wrong.push(
        `${run} ${state} with ${JSON.stringify(value)} (${JSON.stringify(error)}) instead of ${JSON.stringify(expected(program))}`,
      )
    const done = outcomes.get(run) ?? []
    if (done.length !== steps) wrong.push(`${run} asked for ${steps} steps, ${done.length} have an outcome`)
  }
  return wrong
}

function pending(coordinators: SimCoordinator[]): string[] {
  return coordinators.flatMap(({ process, held, lanes }) => [
    ...[...held.runs.keys()].map((run) => `${process.name} still holds ${run}`),
    ...[...lanes.waiting()].map(([lane, count]) => `${process.name}: ${count} still wait in lane ${lane}`),
  ])
}

function stateOf(broker: SimBroker, coordinators: SimCoordinator[]): string {
  const views = coordinators.flatMap(({ process, held }) =>
    [...held.runs.values()].map((run) => `${process.name}: ${JSON.stringify(run.view())}`),
  )
  const flows = [...broker.flows].map(
    ([run, { holder, deliveries }]) => `request ${run}: ${holder?.name} (${deliveries})`,
  )
  const tasks = [...broker.tasks].flatMap(([at, { acked, holder }]) =>
    acked ? [] : [`${at}: ${holder?.name}`],
  )
  return [...views, ...flows, ...tasks].join('\n')
}

function historyOf(broker: SimBroker): string {
  return broker.log
    .map(
      ({ subject: at, at: time }) =>
        `${String(time - 1_700_000_000_000).padStart(8)} ${at.replace('qubus.v1.run.', '')}`,
    )
    .slice(-80)
    .join('\n')
}
