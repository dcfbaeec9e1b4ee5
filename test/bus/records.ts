/** Drafts of records and reads of what a stream holds, for the tests of the bus. */

import type { NatsConnection } from '@nats-io/transport-node'
import { readAll, type Stored } from '#shared/bus/direct.ts'
import type { Draft } from '#shared/bus/publisher.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { StreamName } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'

/** `count` records of the run, with bodies that name `writer`. */
export function drafts(run: string, count: number, writer = 'w'): Draft[] {
  return Array.from({ length: count }, (_, i) => draft(run, i + 1, writer))
}

export function draft(run: string, step: number, writer = 'w'): Draft {
  return { subject: record(run).outcome(step), body: Buffer.from(`${writer} ${step}`) }
}

/** Asks again when the connection was just being made anew. */
export async function stored(nc: NatsConnection, stream: StreamName, subject: string): Promise<Stored[]> {
  for (;;) {
    const found: Stored[] = []
    try {
      for await (const page of readAll(nc, stream, subject)) found.push(...page)
      return found
    } catch (error) {
      if (!(error instanceof QubusError && error.code === 'UNREACHABLE')) throw error
    }
  }
}

/** Throws when a subject is there twice, or one is missing or too much. */
export function assertEachOnce(found: Stored[], wanted: Draft[]): void {
  const subjects = found.map((each) => each.subject).sort()
  const expected = wanted.map((each) => each.storedAs ?? each.subject).sort()
  if (subjects.length === expected.length && subjects.every((each, i) => each === expected[i])) return
  const missing = expected.filter((each) => !subjects.includes(each))
  const twice = subjects.filter((each, i) => subjects[i - 1] === each)
  throw new Error(
    `${subjects.length} of ${expected.length} stored; missing ${missing.slice(0, 5)}; twice ${twice.slice(0, 5)}`,
  )
}

/** How often each of `values` is there. */
export function tally<T>(values: Iterable<T>): Map<T, number> {
  const counts = new Map<T, number>()
  for (const each of values) counts.set(each, (counts.get(each) ?? 0) + 1)
  return counts
}
