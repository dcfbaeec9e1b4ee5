/** `qubus bench`: the benchmarks are a program of their own. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { QubusError } from '#shared/contract/errors.ts'
import { runChild } from '../child.ts'

export async function bench(name: string | undefined, flags: string[]): Promise<number> {
  const file = fileURLToPath(new URL('../../benchmark/main.ts', import.meta.url))
  if (!existsSync(file))
    throw new QubusError('INVALID_OPTION', 'the benchmarks are not part of this installation')
  return runChild(file, name === undefined ? flags : [name, ...flags])
}
