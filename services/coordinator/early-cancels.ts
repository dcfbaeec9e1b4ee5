/**
 * Cancels of runs that nobody holds yet. A fresh run starts without reading its log, so a cancel that came while its
 * request was queued has to be remembered, or looked for when it may have come before this coordinator listened.
 */
import type { Delivery } from '#shared/bus/delivery.ts'
import { lastToken, record } from '#shared/contract/subjects.ts'

export type EarlyCancels = {
  /** Takes note of a record of a run that is not held here. */
  heard(run: string, subject: string): void
  /** Whether the log of the run has to be read before it starts. */
  possible(run: string, request: Delivery): boolean
}

const REMEMBERED = 10_000
/** The broker's clock, which dates requests, may differ from ours by this much. */
const CLOCKS_DIFFER_MS = 5_000
const CANCEL = lastToken(record('any').cancel)

/** @param since Unix milliseconds from which on every record is heard. */
export function earlyCancels(since: number): EarlyCancels {
  const runs = new Set<string>()
  return {
    heard(run, subject) {
      if (lastToken(subject) !== CANCEL) return
      if (runs.size >= REMEMBERED) runs.delete(runs.values().next().value as string)
      runs.add(run)
    },
    possible: (run, request) => runs.delete(run) || request.time < since + CLOCKS_DIFFER_MS,
  }
}
