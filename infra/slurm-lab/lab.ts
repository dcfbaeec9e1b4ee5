/** A real Slurm of six nodes on this host, for tests and for trying things by hand. */
import { readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { NODES, type NodeName } from './cluster.ts'
import { CGROUP_CONF, gresConf, type LabPorts, slurmConf } from './configuration.ts'
import { answering, type LabSite, listening, startDaemon, usable } from './daemons.ts'
import { type LabFolder, labFolder, prepareFolder } from './folder.ts'
import { controllerProcesses, findDaemon, labProcesses, nodeProcesses } from './lab-processes.ts'
import { writeLoginEnvironments } from './login-environment.ts'
import { freePorts } from './ports.ts'
import { powerOff, powerOffNow } from './power-off.ts'
import type { SlurmPrograms } from './programs.ts'

export type Lab = AsyncDisposable & {
  folder: LabFolder
  /** For whoever calls Slurm's commands: by this they find the lab. Jobs have it from slurmd. */
  environment: { SLURM_CONF: string }
  nodes: readonly NodeName[]
  /** A loss of power: slurmd, the daemons of steps and the jobs' processes are gone at one moment. */
  killNode(name: NodeName): Promise<void>
  /** Resolves when the node takes jobs again; when it has started, where the controller is down. */
  startNode(name: NodeName): Promise<void>
  killController(): Promise<void>
  /** Resolves when it answers. */
  startController(): Promise<void>
  /** Ends all that it started, jobs included. What it wrote stays. */
  stop(): Promise<void>
  /** The same, for one that can't wait because it is exiting. */
  stopNow(): void
}

export type LabOptions = {
  /** A folder of its own: new, or empty. Others must be able to enter it. */
  root: string
  packages: SlurmPrograms
}

/** Resolves when all nodes take jobs. */
export async function startLab({ root, packages: programs }: LabOptions): Promise<Lab> {
  const site = { folder: labFolder(root), programs }
  await prepareFolder(site.folder)
  await writeLoginEnvironments(site.folder)
  try {
    for (let tries = 1; ; tries++) {
      const problem = await start(site).catch((error: Error) => error)
      if (!(problem instanceof Error)) return lab(site)
      if (tries === TRIES || !problem.message.includes(TAKEN)) throw problem
      await powerOff(() => labProcesses(site.folder))
    }
  } catch (error) {
    await powerOff(() => labProcesses(site.folder))
    throw error
  }
}

/** The lab of this folder, if its controller runs: another process started it. */
export function openLab({ root, packages: programs }: LabOptions): Lab | undefined {
  const site = { folder: labFolder(root), programs }
  return findDaemon(site.folder, 'slurmctld') === undefined ? undefined : lab(site)
}

// Between our look and the daemon's start somebody else may take a port.
const TRIES = 5
const TAKEN = 'Address already in use'

async function start(site: LabSite): Promise<void> {
  const { folder } = site
  const [controller, ...nodes] = await freePorts(1 + NODES.length)
  await configure(folder, { controller: controller!, nodes })
  const munged = startDaemon(site, 'munged')
  await listening(site, 'munged', munged, { path: folder.socket })
  const slurmctld = startDaemon(site, 'slurmctld')
  // A slurmd that finds no controller waits long before it tries again.
  await listening(site, 'slurmctld', slurmctld, { port: controller! })
  await usable(
    site,
    NODES.map(({ name }) => [name, startDaemon(site, name)] as const),
  )
}

async function configure(folder: LabFolder, ports: LabPorts): Promise<void> {
  const host = hostname().split('.')[0]!
  await Promise.all([
    writeFile(folder.conf, slurmConf(folder, host, ports)),
    writeFile(folder.gres, gresConf(folder)),
    writeFile(folder.cgroup, CGROUP_CONF),
  ])
}

/** As the configuration has it: only the process that started the lab has chosen it. */
async function portOf({ conf }: LabFolder, daemon: 'slurmctld' | NodeName): Promise<number> {
  const wanted =
    daemon === 'slurmctld' ? /^SlurmctldPort=(\d+)/m : new RegExp(`^NodeName=${daemon} .*\\bPort=(\\d+)`, 'm')
  return Number(wanted.exec(await readFile(conf, 'utf8'))?.[1])
}

function lab(site: LabSite): Lab {
  const { folder } = site
  const stop = async (): Promise<void> => {
    await powerOff(() => labProcesses(folder))
  }
  return {
    folder,
    environment: { SLURM_CONF: folder.conf },
    nodes: NODES.map(({ name }) => name),
    async killNode(name) {
      await powerOff(() => nodeProcesses(folder, name))
    },
    async startNode(name) {
      // A second slurmd of the same name would end the first.
      if (findDaemon(folder, name) !== undefined) return
      const process = startDaemon(site, name)
      await listening(site, name, process, { port: await portOf(folder, name) })
      if (findDaemon(folder, 'slurmctld') !== undefined) await usable(site, [[name, process]])
    },
    async killController() {
      await powerOff(() => controllerProcesses(folder))
    },
    async startController() {
      if (findDaemon(folder, 'slurmctld') !== undefined) return
      const process = startDaemon(site, 'slurmctld')
      await listening(site, 'slurmctld', process, { port: await portOf(folder, 'slurmctld') })
      await answering(site, process)
    },
    stop,
    stopNow() {
      powerOffNow(() => labProcesses(folder))
    },
    [Symbol.asyncDispose]: stop,
  }
}
