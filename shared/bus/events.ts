/** Publishes events for those who watch: never awaited, never in the way. */
import type { NatsConnection } from '@nats-io/transport-node'
import { eventType, type QubusEvent } from '../contract/event.ts'
import { subject } from '../contract/subjects.ts'
import { CONTENT_TYPE, cloudHeaders, headerLine, wireHeaders } from './headers.ts'

export type EmitEvent = (event: QubusEvent) => void

/** @param source who speaks, such as `/qubus/worker/w-1`. */
export function eventEmitter(nc: NatsConnection, source: string): EmitEvent {
  let count = 0
  const start = Date.now().toString(36)
  return (event) => {
    const lines = cloudHeaders({
      type: eventType(event.noun, event.verb),
      id: `${source}/${start}-${++count}`,
      source,
      time: Date.now(),
    })
    const body = JSON.stringify({
      id: event.id,
      ...(event.run === undefined ? {} : { run: event.run }),
      ...event.data,
    })
    try {
      nc.publish(subject.event(event.noun, event.verb, event.run, event.id), body, {
        headers: wireHeaders(lines + headerLine(CONTENT_TYPE, 'application/json')),
      })
    } catch {}
  }
}
