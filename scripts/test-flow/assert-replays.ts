/** Whether the flows of a test do the same when they are run again on what their runs came to. */
import { NonDeterministicFlowError } from '#shared/contract/errors.ts'
import { parseRecordSubject } from '#shared/contract/subjects.ts'
import type { FlowDefinition } from '#shared/flow/flow.ts'
import { readRecordedRun } from '../../services/coordinator/replay/recorded-run.ts'
import { replayRun } from '../../services/coordinator/replay/replay-run.ts'
import { BLOBS } from './coordinator.ts'
import type { MemoryLog } from './memory.ts'

/** @throws QubusError `NON_DETERMINISTIC` naming the first call that differs, and where it is. */
export async function assertReplays(
  log: MemoryLog,
  flows: ReadonlyMap<string, FlowDefinition>,
): Promise<void> {
  for (const { subject } of log.records) {
    const parsed = parseRecordSubject(subject)
    if (parsed?.record.kind !== 'requested') continue
    const recorded = await readRecordedRun({ store: log, blobs: BLOBS }, parsed.run)
    const definition = flows.get(recorded?.requested.flow ?? '')
    if (recorded === undefined || definition === undefined) continue
    const { difference } = await replayRun(recorded, { find: () => definition })
    if (difference === undefined) continue
    const { message, step, at } = difference
    throw new NonDeterministicFlowError(
      `flow ${JSON.stringify(definition.name)} does something else when it is replayed${at === undefined ? '' : `, at ${at}`}: ${message}. Take what differs from call to call (module variables, caches, the process) in a sideEffect or a task`,
      { run: parsed.run, ...(step === undefined ? {} : { step }), ...(at === undefined ? {} : { at }) },
    )
  }
}
