/**
 * One submission: read the circuit, decide where it goes, record that, queue it there. A route that is no choice says
 * the same whoever writes it, so it is written together with the command; a chosen one is durable before it is used.
 */
import type { Actor } from '#shared/actor/actor.ts'
import { backlogOf } from '#shared/bus/consumers.ts'
import type { Delivery } from '#shared/bus/delivery.ts'
import { readLast } from '#shared/bus/direct.ts'
import type { Publisher } from '#shared/bus/publisher.ts'
import type { CircuitCommand } from '#shared/contract/command.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { type Failure, toFailure } from '#shared/contract/failure.ts'
import type { VqpuEntry } from '#shared/contract/registry.ts'
import { RouteRecord } from '#shared/contract/step-record.ts'
import { CONSUMER, STREAM } from '#shared/contract/streams.ts'
import { parseCommandSubject, record, type StepIdentity, subject } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'
import { type Choice, chooseDevice } from './choose-device.ts'
import { circuitFailure } from './circuit-failure.ts'
import type { CircuitNeeds } from './circuit-needs.ts'
import { specOf } from './circuit-spec.ts'
import { EMBEDDED } from './pool-abilities.ts'
import { attemptOf, routeOf } from './records.ts'
import type { SentCircuits } from './sent-circuits.ts'
import type { Standing } from './standing.ts'

export type Desk = {
  actor: Actor
  pool: string
  devices: ReadonlyMap<string, VqpuEntry>
  sent: SentCircuits
  /** Writes to `RUNS` and `CIRCUITS`. */
  records: Publisher
  commands: Publisher
  read(spec: { source: string; method?: string }): CircuitNeeds
  standing(id: StepIdentity): Promise<Standing>
}

/** Resolves when the submission is settled in the log or on the device's queue. */
export async function submitCircuit(desk: Desk, command: CircuitCommand, delivery: Delivery): Promise<void> {
  const id = identityOf(delivery)
  // Asked while the circuit is being read; looked at before anything is written.
  const asking = desk.standing(id)
  asking.catch(() => {})
  const decided = await decide(desk, id, command)
  const standing = await asking
  if (!standing.wanted)
    return desk.actor.log.debug({ subject: delivery.subject, why: standing.why }, 'submission dropped')
  if (standing.route !== undefined) return queue(desk, standing.route.device, id, delivery)
  if ('failure' in decided) return refuse(desk, id, command, decided.failure)
  const { device, why, chosen } = decided
  const recorded = record(id.run).route(id.step, id.attempt)
  const recording = desk.records.create(routeOf(desk.actor, id, command, device, why))
  if (!chosen) return void (await Promise.all([recording, queue(desk, device, id, delivery)]))
  const creation = await recording
  return queue(desk, creation === 'stored' ? device : await readRoute(desk, recorded), id, delivery)
}

/** Records that the submission can't be served, for a reason other than the circuit's own. */
export async function failSubmission(
  desk: Desk,
  command: CircuitCommand,
  delivery: Delivery,
  error: unknown,
): Promise<void> {
  await refuse(desk, identityOf(delivery), command, toFailure(error, 'INTERNAL'))
}

type Decided = Exclude<Choice, { refused: unknown }> | { failure: Failure }

async function decide(desk: Desk, { run }: StepIdentity, command: CircuitCommand): Promise<Decided> {
  const spec = await specOf(desk.actor.blobs, command)
  let needs: CircuitNeeds
  try {
    needs = desk.read(spec)
  } catch (error) {
    return { failure: circuitFailure(error, spec.file) }
  }
  const choice = chooseDevice(spec.device, needs, {
    run,
    devices: desk.devices,
    sentTo: desk.sent.to,
    pool: desk.pool,
    poolAbilities: EMBEDDED,
    expected: await hasQueue(desk, spec.device),
  })
  if (!('refused' in choice)) {
    // Counted now, so that those decided in the same moment spread.
    desk.sent.add(choice.device)
    return choice
  }
  const { code, message, facts } = choice.refused
  return { failure: { code, name: 'QubusError', message, facts } }
}

// Only a device that gives no sign of life is worth the question.
async function hasQueue(desk: Desk, device: string): Promise<boolean> {
  if (device === 'any' || device === desk.pool || desk.devices.has(device)) return false
  if (!/^[A-Za-z0-9_-]+$/.test(device)) return false
  return (await backlogOf(desk.actor.bus.nc, STREAM.circuits, CONSUMER.circuits(device))) !== undefined
}

async function queue(desk: Desk, device: string, id: StepIdentity, delivery: Delivery): Promise<void> {
  // The command is the submission, under the device's name.
  const creation = await desk.commands.create({ subject: subject.circuit(device, id), body: delivery.data })
  if (creation === 'stored') tell(desk, 'queued', id, { device })
}

async function readRoute(desk: Desk, recorded: string): Promise<string> {
  const stored = await readLast(desk.actor.bus.nc, STREAM.runs, recorded)
  if (stored === undefined) throw new QubusError('UNREACHABLE', `the route ${recorded} was there and is gone`)
  return decode(RouteRecord, stored.data).device
}

async function refuse(
  desk: Desk,
  id: StepIdentity,
  command: CircuitCommand,
  failure: Failure,
): Promise<void> {
  await desk.records.create(attemptOf(desk.actor, id, command, failure))
  tell(desk, 'refused', id, { code: failure.code, message: failure.message })
}

function tell(desk: Desk, verb: string, id: StepIdentity, data: Record<string, unknown>): void {
  const facts = { step: id.step, attempt: id.attempt, ...data }
  desk.actor.emit({ noun: 'circuit', verb, run: id.run, id: String(id.step), data: facts })
}

function identityOf(delivery: Delivery): StepIdentity {
  const { run, step, attempt } = parseCommandSubject(delivery.subject)
  return { run, step, attempt }
}
