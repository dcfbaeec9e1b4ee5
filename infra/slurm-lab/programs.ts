/** The programs of Slurm and munge that a lab is made of: where they are on this host. */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'

const DAEMONS = ['slurmctld', 'slurmd', 'munged'] as const
const COMMANDS = ['sbatch', 'srun', 'salloc', 'squeue', 'scancel', 'scontrol', 'sinfo'] as const
type Name = (typeof DAEMONS)[number] | (typeof COMMANDS)[number]

/** Each one's path. */
export type SlurmPrograms = Readonly<Record<Name, string>>

// Daemons are not on everybody's PATH.
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** All of them, or the names of those that are missing. */
export async function findPrograms(
  folders: readonly string[] = FOLDERS,
): Promise<{ programs: SlurmPrograms } | { missing: string[] }> {
  const names = [...DAEMONS, ...COMMANDS]
  const found = await Promise.all(names.map(async (name) => [name, await findIn(folders, name)] as const))
  const missing = found.flatMap(([name, path]) => (path === undefined ? [name] : []))
  return missing.length > 0 ? { missing } : { programs: Object.fromEntries(found) as SlurmPrograms }
}

async function findIn(folders: readonly string[], name: string): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name)
    if (await isExecutable(path)) return path
  }
  return undefined
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
