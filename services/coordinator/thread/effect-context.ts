/**
 * What the code of a side effect gets of its run. A replay takes the record instead of running it, so nothing here may
 * move what the flow itself goes by: no steps, no numbers from its chance, log lines under the step's own number.
 */
import { QubusError } from '#shared/contract/errors.ts'
import type { FlowContext } from '#shared/flow/runtime.ts'
import type { FromThread, RunKey } from './protocol.ts'

export type EffectPlace = { key: RunKey; run: string; step: number; send(message: FromThread): void }

export function effectContext({ key, run, step, send }: EffectPlace): FlowContext {
  let logged = 0
  return {
    run,
    request({ kind, name }) {
      throw new QubusError(
        'FORBIDDEN_IN_FLOW',
        `${kind} ${JSON.stringify(name)} was asked for inside a side effect, which a replay does not run: ask for it in the flow itself`,
      )
    },
    observed() {},
    now: () => Date.now(),
    random: () => Math.random(),
    uuid: () => crypto.randomUUID(),
    log(level, text, fields) {
      const line = {
        at: Date.now(),
        level,
        stream: 'log' as const,
        text,
        ...(fields === undefined ? {} : { fields }),
      }
      send({ type: 'log', key, step, first: logged++, lines: [line] })
    },
  }
}
