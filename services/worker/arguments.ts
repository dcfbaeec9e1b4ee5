/** Flags of a worker: `--pools generic,cpu --slots 4 --memory 8GB --gpus auto`. */
import { availableParallelism, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { parseByteSize } from '#shared/contract/byte-size.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { assertToken } from '#shared/contract/ids.ts'

export type WorkerArguments = {
  pools: string[]
  /** Cores that it gives to tasks: a task that says nothing takes one. */
  slots: number
  memoryBytes: number
  /** `auto`: as many as the vendors' tools find. */
  gpus: number | 'auto'
  id: string | undefined
}

/** @throws QubusError `INVALID_OPTION` or `INVALID_NAME`. */
export function readArguments(argv: string[]): WorkerArguments {
  const { values } = parseArgs({
    args: argv,
    options: {
      pools: { type: 'string' },
      pool: { type: 'string' },
      slots: { type: 'string' },
      memory: { type: 'string' },
      gpus: { type: 'string' },
      id: { type: 'string' },
    },
  })
  const pools = (values.pools ?? values.pool ?? 'generic')
    .split(',')
    .map((pool) => assertToken('--pools', pool.trim()))
  const slots = values.slots === undefined ? availableParallelism() : wholeNumber('--slots', values.slots, 1)
  const memoryBytes = values.memory === undefined ? totalmem() : parseByteSize(values.memory)
  if (memoryBytes === undefined)
    throw new QubusError('INVALID_OPTION', `--memory ${values.memory}: a size such as 8GB is wanted`)
  const gpus =
    values.gpus === undefined || values.gpus === 'auto' ? 'auto' : wholeNumber('--gpus', values.gpus, 0)
  return { pools, slots, memoryBytes, gpus, id: values.id }
}

function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least) return value
  throw new QubusError('INVALID_OPTION', `${flag} ${text}: an integer from ${least} is wanted`)
}
