/**
 * Whether this looks like the login node of a cluster, where a system would disturb others or be ended. Nothing says so
 * for sure; these are the signs. Slurm's commands are here and this is no job of it: without that it is no login node.
 * Then one sign (a telling name, many people's processes, a bound on what a user may take) is worth a word, and two are
 * taken for an answer.
 */
import { access, constants, readdir, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Environment, readHost } from '#shared/config/environment.ts'
import type { Finding } from './checks.ts'
import { smallestOfGroup } from './limits.ts'

export type HostFacts = {
  /** Where `sbatch` is. */
  sbatch: string | undefined
  /** The Slurm job that this is in. */
  job: string | undefined
  host: string
  /** Users, other than the system's, who have processes here. */
  users: number
  /** What the control group of this user may take, in bytes; undefined without a bound. */
  memoryBound: number | undefined
}

const TELLING = /(^|[^a-z])(login|front ?end|fe|head|submit|gateway|uan)\d*([^a-z]|$)/i
const MANY_USERS = 5
/** The first uid of people. */
const FIRST_USER = 1000
const NOBODY = 65_534

export function judgeHost({ sbatch, job, host, users, memoryBound }: HostFacts): Finding {
  if (job !== undefined) return { ok: true, found: `no: this is Slurm job ${job}` }
  if (sbatch === undefined) return { ok: true, found: 'no: there is no Slurm here' }
  const signs = [
    TELLING.test(host) ? `it is called ${host}` : '',
    users >= MANY_USERS ? `${users} users have processes here` : '',
    memoryBound === undefined ? '' : `a user may take ${(memoryBound / 1024 ** 3).toFixed(1)} GiB`,
  ].filter((sign) => sign !== '')
  if (signs.length === 0) return { ok: true, found: `no sign of it; Slurm is here (${sbatch})` }
  return {
    ok: signs.length < 2,
    found: `${signs.length < 2 ? 'perhaps' : 'it looks like one'}: Slurm is here, outside of a job, and ${signs.join(', ')}`,
    advice:
      'processes of login nodes are often ended or slowed down: run qubus up on a service node or in a long job, and use the command line here with QUBUS_URL and QUBUS_CREDS',
  }
}

export async function checkLoginNode(_: Environment): Promise<Finding> {
  const { searchPath, slurmJob } = readHost()
  return judgeHost({
    sbatch: await find('sbatch', searchPath),
    job: slurmJob,
    host: hostname(),
    users: await usersHere(),
    memoryBound: await smallestOfGroup('memory', ['memory.max', 'memory.limit_in_bytes']),
  })
}

async function find(program: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const file = join(folder, program)
    const there = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (there) return file
  }
  return undefined
}

// By the owners of processes: it needs no program, and no log of who came.
async function usersHere(): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const owners = await Promise.all(
    pids.map((pid) =>
      stat(`/proc/${pid}`).then(
        ({ uid }) => uid,
        () => 0,
      ),
    ),
  )
  return new Set(owners.filter((uid) => uid >= FIRST_USER && uid !== NOBODY)).size
}
