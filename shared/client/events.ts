/** What happened and what happens, as CloudEvents: `EVENTS`, the step records of `RUNS`, then the live subscription. */

import type { CloudEvent } from '../contract/event.ts'
import { assertToken } from '../contract/ids.ts'
import { STREAM } from '../contract/streams.ts'
import { filter, record } from '../contract/subjects.ts'
import { channel } from './channel.ts'
import { toCloudEvent } from './cloud-event.ts'
import { historyOf, mergeByTime } from './history.ts'
import type { Session } from './session.ts'

export type EventOptions = {
  run?: string
  /** Unix milliseconds; what came before is left out. Without it: everything kept of a run, or nothing with `follow`. */
  since?: number
  /** Goes on until the signal says stop. */
  follow?: boolean
  signal?: AbortSignal
}

/** Events by time. While history meets what is live, each event is given once. */
export async function* events(session: Session, options: EventOptions = {}): AsyncGenerator<CloudEvent> {
  const { run, since, follow = false, signal } = options
  if (run !== undefined) assertToken('the run id', run)
  using live = channel<CloudEvent>(signal)
  if (follow) {
    const subscription = session.bus.nc.subscribe(run === undefined ? filter.events : filter.runEvents(run), {
      callback: (error, message) => {
        const event = error ? undefined : toCloudEvent(message)
        if (event) live.push(event)
      },
    })
    live.onClose(() => subscription.unsubscribe())
    await session.bus.nc.flush()
  }
  const listeningSince = Date.now()
  const given = new Set<string>()
  if (!follow || since !== undefined || run !== undefined) {
    for await (const event of history(session, run, since, signal)) {
      if (Date.parse(event.time) > listeningSince - MEETING_MS) given.add(event.id)
      yield event
    }
  }
  if (!follow) return
  for await (const event of live) {
    if (!given.delete(event.id)) yield event
  }
}

// Clocks of several hosts: an event may be stamped this much earlier than it arrives.
const MEETING_MS = 60_000

function history(
  session: Session,
  run: string | undefined,
  since: number | undefined,
  signal: AbortSignal | undefined,
) {
  return mergeByTime(
    historyOf(session, {
      stream: STREAM.events,
      filter: run === undefined ? filter.events : filter.runEvents(run),
      since,
      signal,
    }),
    historyOf(session, {
      stream: STREAM.runs,
      filter: run === undefined ? filter.stepRecords : record(run).all,
      since,
      signal,
    }),
  )
}
