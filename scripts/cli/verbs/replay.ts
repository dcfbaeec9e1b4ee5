/** `qubus replay`: runs a recorded run again, in this process, on what its log holds. Nothing is sent and nothing is changed. */
import { replayRun } from '../../../services/coordinator/replay/replay-run.ts'
import { EXIT } from '../exit-code.ts'
import { emit, say } from '../output.ts'
import { codeOfFile, recordedCode } from '../replay/flow-code.ts'
import {
  closeInspector,
  isLoopback,
  openInspector,
  parseAddress,
  stoppedAtStart,
  waitForDebugger,
} from '../replay/inspector.ts'
import { prepareProcess } from '../replay/quiet-process.ts'
import { readRun } from '../replay/read-run.ts'
import { showEnd, showEvent } from '../replay/show-replay.ts'

export type ReplayVerbOptions = { flow?: string; inspect?: string | true; json?: boolean }

export async function replay(
  id: string,
  { flow, inspect, json = false }: ReplayVerbOptions,
): Promise<number> {
  const address = inspect === undefined ? undefined : parseAddress(inspect)
  const code = flow === undefined ? recordedCode : await codeOfFile(flow)
  const { recorded, code: bundle } = await readRun(id, flow === undefined)
  prepareProcess()
  if (address !== undefined) {
    const url = openInspector(address)
    if (!isLoopback(address)) say(`warning: whoever reaches ${address.host} can run anything here as you`)
    if (json) emit({ inspect: url })
    say(`waiting for a debugger at ${url}: attach your editor to that port, or open chrome://inspect`)
    waitForDebugger()
  }
  const { run, flow: found } = await code.load(recorded, bundle)
  const definition = address === undefined ? found : stoppedAtStart(found)
  say(`run ${id} of flow ${recorded.requested.flow}, replayed with ${code.name}`)
  const replayed = await replayRun(run, {
    find: () => definition,
    onEvent: (event) => showEvent(event, json),
  })
  showEnd(run, code.name, replayed, json)
  if (address !== undefined) closeInspector()
  return replayed.difference === undefined ? EXIT.done : EXIT.failed
}
