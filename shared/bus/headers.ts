/**
 * Headers of what we publish: create-if-absent, CloudEvents, content type. Kept as the text that goes over the wire:
 * the client's header object validates and rebuilds every line for every message, which was a fifth of a publisher's time.
 */
import type { MsgHdrs } from '@nats-io/transport-node'
import { CE } from '../contract/event.ts'

/** Lines of `Key: value`, each ended by CR LF. */
export type HeaderLines = string

/** With 0: there must be none yet. */
export const EXPECT_SEQUENCE = 'Nats-Expected-Last-Subject-Sequence'
export const CONTENT_TYPE = 'Content-Type'

/** One header. @throws TypeError when the value would break the line. */
export function headerLine(key: string, value: string): HeaderLines {
  if (/[\r\n]/.test(value)) throw new TypeError(`the header ${key} holds a line break`)
  return `${key}: ${value}\r\n`
}

export type CloudAttributes = { type: string; id: string; source: string; time: number; step?: string }

/** CloudEvents 1.0 attributes in NATS' binary form. `time` is in Unix milliseconds. */
export function cloudHeaders({ type, id, source, time, step }: CloudAttributes): HeaderLines {
  const lines = `${CE.specversion}: 1.0\r\n${CE.type}: ${type}\r\n${CE.id}: ${id}\r\n${CE.source}: ${source}\r\n${CE.time}: ${isoTime(time)}\r\n`
  return step === undefined ? lines : lines + stepLine(step)
}

// Thousands of records carry the same millisecond, and the same name.
let lastTime = 0
let lastIso = ''

function isoTime(time: number): string {
  if (time !== lastTime) {
    lastIso = new Date(time).toISOString()
    lastTime = time
  }
  return lastIso
}

let lastStep = ''
let lastStepLine = ''

// A header's value is one line of latin text; a step may be called anything.
function stepLine(step: string): HeaderLines {
  if (step !== lastStep || lastStepLine === '') {
    lastStepLine = headerLine(CE.step, encodeURI(step.toWellFormed()))
    lastStep = step
  }
  return lastStepLine
}

/** What the client's publish takes: it asks its headers for nothing but their encoded form. */
export function wireHeaders(lines: HeaderLines): MsgHdrs {
  return { encode: () => Buffer.from(`NATS/1.0\r\n${lines}\r\n`) } as unknown as MsgHdrs
}
