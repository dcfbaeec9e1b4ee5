/** Asks for the end of a run: the record first, then a word to those who work for it. */
import type { CancelRecord } from '#shared/contract/run-record.ts'
import { record } from '#shared/contract/subjects.ts'
import { encode } from '#shared/wire/message.ts'
import type { CoordinatorContext } from './context.ts'

export function cancelRun(context: CoordinatorContext, run: string, by: string, reason: string): void {
  const body: CancelRecord = { by, reason, at: context.clock.now() }
  context.store.create({ subject: record(run).cancel, body: encode(body) }).then(
    () => context.control(run),
    () => {},
  )
}
