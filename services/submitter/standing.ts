/** What the log says about a submission: whether it is still wanted, and whether it has a route already. */
import type { NatsConnection } from '@nats-io/transport-node'
import { readLastOf } from '#shared/bus/direct.ts'
import { RouteRecord } from '#shared/contract/step-record.ts'
import { STREAM } from '#shared/contract/streams.ts'
import { record, type StepIdentity } from '#shared/contract/subjects.ts'
import { decode } from '#shared/wire/message.ts'

export type Standing = { wanted: true; route?: RouteRecord } | { wanted: false; why: string }

/** @param log the records that are there, by subject. */
export function standingOf(id: StepIdentity, log: ReadonlyMap<string, Uint8Array>): Standing {
  const name = record(id.run)
  if (log.has(name.outcome(id.step))) return { wanted: false, why: 'outcome recorded' }
  if (log.has(name.attempt(id.step, id.attempt))) return { wanted: false, why: 'attempt recorded' }
  if (log.has(name.completed)) return { wanted: false, why: 'run completed' }
  if (log.has(name.cancel)) return { wanted: false, why: 'run cancelled' }
  const route = log.get(name.route(id.step, id.attempt))
  return route === undefined ? { wanted: true } : { wanted: true, route: decode(RouteRecord, route) }
}

/** One read for everything that is asked about in one turn of the event loop. */
export function standingReader(nc: NatsConnection): (id: StepIdentity) => Promise<Standing> {
  let asked: { id: StepIdentity; resolve(standing: Standing): void; reject(error: unknown): void }[] = []
  const flush = async (): Promise<void> => {
    const group = asked
    asked = []
    try {
      const found = await readLastOf(nc, STREAM.runs, [
        ...new Set(group.flatMap((each) => subjectsOf(each.id))),
      ])
      const log = new Map(found.map((stored) => [stored.subject, stored.data]))
      for (const each of group) each.resolve(standingOf(each.id, log))
    } catch (error) {
      for (const each of group) each.reject(error)
    }
  }
  return (id) =>
    new Promise((resolve, reject) => {
      if (asked.push({ id, resolve, reject }) === 1) queueMicrotask(() => void flush())
    })
}

// Not `requested`: it carries the run's parameters, and the host that runs the circuit asks for it.
function subjectsOf({ run, step, attempt }: StepIdentity): string[] {
  const name = record(run)
  return [
    name.outcome(step),
    name.attempt(step, attempt),
    name.completed,
    name.cancel,
    name.route(step, attempt),
  ]
}
