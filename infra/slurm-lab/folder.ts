/** The one folder of a lab: nothing of it lies anywhere else. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { QubusError } from '#shared/contract/errors.ts'
import { lettingPass } from '../process/prepare-home.ts'
import { NODES, type NodeName } from './cluster.ts'

export type LabFolder = {
  root: string
  /** `SLURM_CONF`. What else Slurm reads lies beside it. */
  conf: string
  gres: string
  cgroup: string
  key: string
  socket: string
  munge: string
  state: string
  /** What a login gives to each user's jobs: a file a user, a line a variable. Slurm knows it by this name. */
  logins: string
  spool: string
  run: string
  logs: string
  /** A line for each job that ended, readable for all. */
  jobcomp: string
  gpu(index: number): string
  /** What a daemon says of its work. */
  log(daemon: 'slurmctld' | 'munged' | NodeName): string
  /** What a daemon says before it has a log. */
  output(daemon: 'slurmctld' | 'munged' | NodeName): string
}

export function labFolder(root: string): LabFolder {
  const logs = join(root, 'logs')
  return {
    root,
    conf: join(root, 'slurm.conf'),
    gres: join(root, 'gres.conf'),
    cgroup: join(root, 'cgroup.conf'),
    key: join(root, 'munge', 'key'),
    socket: join(root, 'munge.socket'),
    munge: join(root, 'munge'),
    state: join(root, 'state'),
    logins: join(root, 'state', 'env_cache'),
    spool: join(root, 'spool'),
    run: join(root, 'run'),
    logs,
    jobcomp: join(root, 'jobcomp.txt'),
    gpu: (index) => join(root, `gpu${index}`),
    log: (daemon) => join(logs, `${daemon}.log`),
    output: (daemon) => join(logs, `${daemon}.out`),
  }
}

// A socket's path may have 107 characters, and the longest ends in /spool/cpu1/cpu1_4294967295.4294967295.
const LONGEST_ROOT = 68

/** Makes the folder ready for the first start: all users may enter it, as they may any cluster's. */
export async function prepareFolder(folder: LabFolder): Promise<void> {
  const { root } = folder
  if (!/^\/[\w./-]+$/.test(root) || root.length > LONGEST_ROOT)
    throw bad(
      root,
      `is no path of at most ${LONGEST_ROOT} letters, digits and ". _ - /", which is all that Slurm takes`,
    )
  await mkdir(root, { recursive: true })
  if ((await readdir(root)).length > 0) throw bad(root, 'is not empty')
  await chmod(root, 0o755)
  if (!(await lettingPass(root)))
    throw bad(root, 'lies where other users can not enter, so they could submit nothing')
  for (const path of [folder.spool, folder.run, folder.logs]) await mkdir(path, { mode: 0o755 })
  for (const path of [folder.munge, folder.state]) await mkdir(path, { mode: 0o700 })
  for (const { name } of NODES) await mkdir(join(folder.spool, name), { mode: 0o755 })
  await writeFile(folder.key, randomBytes(128), { mode: 0o600 })
  await writeFile(folder.jobcomp, '')
  await chmod(folder.jobcomp, 0o644)
  // Slurm wants a device for each GPU, and looks no further than that it is one.
  for (let index = 0; index < mostGpus(); index++) await symlink('/dev/null', folder.gpu(index))
}

export function mostGpus(): number {
  return Math.max(...NODES.map((node) => ('gres' in node && node.gres.name === 'gpu' ? node.gres.count : 0)))
}

function bad(root: string, problem: string): QubusError {
  return new QubusError(
    'INVALID_OPTION',
    `Slurm lab: ${root} ${problem}; give it a new folder such as /tmp/lab`,
  )
}
