/** The live view: who runs what is heard from the workers, and told to whoever asks. */
import type { Subscription } from '@nats-io/transport-node'
import type { Actor } from '#shared/actor/actor.ts'
import { CE } from '#shared/contract/event.ts'
import { filter, lastToken, subject } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import type { ActiveRun } from './active-run.ts'

/** Answers `inspect.<run>` for runs that are held here, and keeps silent about others. */
export function answerInspections(actor: Actor, runs: ReadonlyMap<string, ActiveRun>): Subscription {
  return actor.bus.nc.subscribe(filter.inspects, {
    callback(error, message) {
      const run = error ? undefined : runs.get(lastToken(message.subject))
      if (run) message.respond(encode(run.view()))
    },
  })
}

type Heard = { startedAt: number; forMs?: number; node: string; job?: string }

/** Hears which steps are running, from the events of those who run them. */
export function hearRunning(
  actor: Actor,
  runs: ReadonlyMap<string, ActiveRun>,
  noun: 'step' | 'circuit',
): Subscription {
  return actor.bus.nc.subscribe(subject.event(noun, 'running', '*', '*'), {
    callback(error, message) {
      const run = error ? undefined : runs.get(message.subject.split('.')[5] ?? '')
      if (run === undefined) return
      try {
        const { startedAt, forMs, node, job } = message.json<Heard>()
        // `/qubus/<actor>/<id>`
        const by = message.headers?.get(CE.source).split('/').at(-1) ?? ''
        run.heard(Number(lastToken(message.subject)), { at: startedAt, node, job, by }, forMs ?? 0)
      } catch {}
    },
  })
}

/** Hears which steps have got a place of their limits. */
export function hearAdmitted(actor: Actor, runs: ReadonlyMap<string, ActiveRun>): Subscription {
  return actor.bus.nc.subscribe(subject.event('step', 'admitted', '*', '*'), {
    callback(error, message) {
      const run = error ? undefined : runs.get(message.subject.split('.')[5] ?? '')
      run?.admitted(Number(lastToken(message.subject)))
    },
  })
}
