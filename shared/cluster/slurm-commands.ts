/** Whether what a cluster file asks of Slurm can be asked from here. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { QubusError } from '../contract/errors.ts'
import type { Cluster } from './cluster.ts'

const COMMANDS = ['sbatch', 'squeue', 'scancel'] as const

/** @throws QubusError `INVALID_OPTION` when pools are on Slurm and its commands are not in these folders. */
export function needSlurmCommands({ file, pools }: Cluster, searchPath: readonly string[]): void {
  const onSlurm = [...pools.values()].filter(
    ({ scheduler, starts }) => scheduler === 'slurm' && starts.kind !== 'submitter',
  )
  const missing = COMMANDS.filter(
    (command) => !searchPath.some((folder) => executable(join(folder, command))),
  )
  if (onSlurm.length === 0 || missing.length === 0) return
  const names = onSlurm.map(({ name }) => name).join(', ')
  throw new QubusError(
    'INVALID_OPTION',
    `${file}: jobs of ${names} are Slurm's, and ${missing.join(', ')} can't be found on the PATH: start on a host that has Slurm's commands, or write pools with scheduler: local (see clusters/local.yaml)`,
    { facts: { file, missing } },
  )
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
