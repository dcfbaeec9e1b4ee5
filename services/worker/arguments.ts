/** Flags of a worker: `--pools generic,cpu --slots 4`. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { QubusError } from '#shared/contract/errors.ts'
import { assertToken } from '#shared/contract/ids.ts'

export type WorkerArguments = { pools: string[]; slots: number; id: string | undefined }

/** @throws QubusError `INVALID_OPTION` or `INVALID_NAME`. */
export function readArguments(argv: string[]): WorkerArguments {
  const { values } = parseArgs({
    args: argv,
    options: {
      pools: { type: 'string' },
      pool: { type: 'string' },
      slots: { type: 'string' },
      id: { type: 'string' },
    },
  })
  const pools = (values.pools ?? values.pool ?? 'generic')
    .split(',')
    .map((pool) => assertToken('--pools', pool.trim()))
  const slots = values.slots === undefined ? availableParallelism() : Number(values.slots)
  if (!Number.isInteger(slots) || slots < 1) {
    throw new QubusError('INVALID_OPTION', `--slots ${values.slots}: an integer from 1 is wanted`)
  }
  return { pools, slots, id: values.id }
}
