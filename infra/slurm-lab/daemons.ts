/** Starts the daemons of a lab, and says when they are of use. */
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { execa } from 'execa'
import { QubusError } from '#shared/contract/errors.ts'
import { launchServer, type ServerProcess } from '../process/server-process.ts'
import type { NodeName } from './cluster.ts'
import type { LabFolder } from './folder.ts'
import { daemonArguments } from './lab-processes.ts'
import type { SlurmPrograms } from './programs.ts'

export type DaemonName = 'munged' | 'slurmctld' | NodeName

export type LabSite = { folder: LabFolder; programs: SlurmPrograms }

// Against hangs only.
const READY_MS = 120_000

/** All that a daemon has of an environment; what it has of ours must not get into jobs. */
export function labEnvironment({ conf }: LabFolder): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    SLURM_CONF: conf,
    LC_ALL: 'C',
  }
}

export function startDaemon({ folder, programs }: LabSite, daemon: DaemonName): ServerProcess {
  const isNode = daemon !== 'munged' && daemon !== 'slurmctld'
  return launchServer({
    file: isNode ? programs.slurmd : programs[daemon],
    args: daemonArguments(folder, daemon),
    // The name is for finding what slurmd starts before that has a name itself.
    env: { ...labEnvironment(folder), ...(isNode ? { SLURMD_NODENAME: daemon } : {}) },
    cwd: folder.root,
    log: folder.output(daemon),
  })
}

/** Waits until something listens at an address of the lab. */
export async function listening(
  site: LabSite,
  daemon: DaemonName,
  process: ServerProcess,
  address: { port: number } | { path: string },
): Promise<void> {
  const where = 'port' in address ? { ...address, host: '127.0.0.1' } : address
  await until(site, daemon, [[daemon, process]], () => answers(where))
}

/** Waits until Slurm would give each of these nodes a job. */
export async function usable(
  site: LabSite,
  slurmds: readonly (readonly [NodeName, ServerProcess])[],
): Promise<void> {
  await until(site, 'slurmctld', slurmds, async () => {
    const states = await nodeStates(site)
    return slurmds.every(([name]) => USABLE.includes(states.get(name) ?? ''))
  })
}

/** Waits until the controller answers questions. */
export async function answering(site: LabSite, slurmctld: ServerProcess): Promise<void> {
  await until(site, 'slurmctld', [['slurmctld', slurmctld]], async () => (await nodeStates(site)).size > 0)
}

const USABLE = ['idle', 'mix', 'alloc', 'comp']

/** In sinfo's short form, as `idle`; with a `*` where the node does not answer. Empty when the controller does not. */
export async function nodeStates({ folder, programs }: LabSite): Promise<Map<string, string>> {
  const { stdout, failed } = await execa(programs.sinfo, ['--noheader', '--Node', '--format=%N %t'], {
    env: labEnvironment(folder),
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
  })
  if (failed) return new Map()
  return new Map(stdout.split('\n').map((line) => line.trim().split(/\s+/) as [string, string]))
}

/** Fails with the end of their logs when one of the daemons has ended, or when it takes for ever. */
async function until(
  { folder }: LabSite,
  said: DaemonName,
  daemons: readonly (readonly [DaemonName, ServerProcess])[],
  look: () => Promise<boolean>,
): Promise<void> {
  const end = performance.now() + READY_MS
  while (!(await look())) {
    for (const [name, process] of daemons)
      if (!process.alive()) throw await problem(folder, name, 'ended while starting')
    if (performance.now() > end) throw await problem(folder, said, `not ready after ${READY_MS / 1000} s`)
    await pause(20)
  }
}

async function problem(folder: LabFolder, daemon: DaemonName, what: string): Promise<QubusError> {
  const said = await Promise.all([folder.output(daemon), folder.log(daemon)].map(endOf))
  return new QubusError('UNREACHABLE', `Slurm lab ${folder.root}: ${daemon} ${what}:\n${said.join('\n')}`)
}

async function endOf(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-8).join('\n')
}

function answers(address: { port: number; host: string } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
