/** What a stream keeps for those who watch, from a point in time up to now; no bodies of the runs' log travel. */

import { readLast } from '../bus/direct.ts'
import { openFeed } from '../bus/feed.ts'
import type { CloudEvent } from '../contract/event.ts'
import { STREAM, type StreamName } from '../contract/streams.ts'
import { parseRecordSubject } from '../contract/subjects.ts'
import { channel } from './channel.ts'
import { toCloudEvent } from './cloud-event.ts'
import type { Session } from './session.ts'

export type HistoryOptions = {
  stream: StreamName
  filter: string
  since: number | undefined
  signal: AbortSignal | undefined
}

export async function* historyOf(session: Session, options: HistoryOptions): AsyncGenerator<CloudEvent> {
  const { stream, filter, since, signal } = options
  const last = await readLast(session.bus.nc, stream, filter)
  if (last === undefined) return
  const from = since === undefined ? 1 : await firstSequence(session, stream, filter, since)
  if (from === undefined || from > last.sequence) return
  using arrived = channel<CloudEvent>(signal)
  const feed = openFeed(session.bus, {
    stream,
    filters: [filter],
    from,
    headersOnly: stream === STREAM.runs,
    window: 1000,
    onBatch(batch) {
      for (const message of batch) {
        if (message.sequence > last.sequence) break
        const event = wanted(stream, message.subject) ? toCloudEvent(message) : undefined
        if (event && (since === undefined || Date.parse(event.time) >= since)) arrived.push(event)
      }
      if ((batch.at(-1)?.sequence ?? 0) >= last.sequence) arrived.end()
    },
  })
  arrived.onClose(() => feed.stop())
  yield* arrived
}

// What happens to a whole run is an event already; its records would say it twice.
function wanted(stream: StreamName, subject: string): boolean {
  return stream !== STREAM.runs || 'step' in (parseRecordSubject(subject)?.record ?? {})
}

// The broker's clock and those of the hosts that stamp events may differ this much; the stamp decides in the end.
const CLOCKS_MS = 60_000

async function firstSequence(
  { bus }: Session,
  stream: StreamName,
  filter: string,
  since: number,
): Promise<number | undefined> {
  const question = { next_by_subj: filter, start_time: new Date(since - CLOCKS_MS).toISOString() }
  const reply = await bus.nc.request(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(question), {
    timeout: 5_000,
  })
  const sequence = Number(reply.headers?.get('Nats-Sequence'))
  return sequence > 0 ? sequence : undefined
}

/** Two streams that are in order, as one. */
export async function* mergeByTime(
  left: AsyncGenerator<CloudEvent>,
  right: AsyncGenerator<CloudEvent>,
): AsyncGenerator<CloudEvent> {
  let [a, b] = await Promise.all([left.next(), right.next()])
  while (!a.done || !b.done) {
    if (b.done || (!a.done && Date.parse(a.value.time) <= Date.parse(b.value.time))) {
      if (!a.done) yield a.value
      a = await left.next()
    } else {
      yield b.value
      b = await right.next()
    }
  }
}
