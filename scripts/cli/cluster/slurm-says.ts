/** What Slurm says of itself, in columns that every version prints. */
import { type Gres, parseGres } from '#shared/cluster/directives.ts'

/** Nodes of a partition that are alike; a partition may have several kinds, or none. */
export type Partition = {
  name: string
  isDefault: boolean
  /** As Slurm writes it. */
  limit: string
  cores: number
  memoryMb: number
  gres: Gres[]
}

export type SlurmSays = {
  /** Those that this user may use. */
  partitions: Partition[]
  /** Of this user; undefined where nobody keeps account of that. */
  accounts: string[] | undefined
}

export const SINFO = ['sinfo', '--noheader', '--format=%P|%l|%c|%m|%G'] as const

export function readSinfo(text: string): Partition[] {
  return rowsOf(text).map(([name = '', limit = '', cores = '', memory = '', gres = '']) => ({
    name: name.replace(/\*$/, ''),
    isDefault: name.endsWith('*'),
    limit,
    // A "+" after a number: at least so many.
    cores: Number.parseInt(cores, 10) || 0,
    memoryMb: Number.parseInt(memory, 10) || 0,
    gres: parseGres(gres),
  }))
}

export function sacctmgr(user: string): readonly [string, ...string[]] {
  return ['sacctmgr', '--noheader', '--parsable2', 'show', 'associations', `user=${user}`, 'format=account']
}

export function readAccounts(text: string): string[] {
  return [...new Set(rowsOf(text).map(([account = '']) => account))]
}

function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => line.split('|').map((cell) => cell.trim()))
}
