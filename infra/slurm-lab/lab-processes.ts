/**
 * Which processes are a lab's, by what the kernel knows of them: daemons by the configuration file that they were
 * given, jobs by what Slurm put into their environment, and whatever stems from either. So nothing has to be noted, and
 * another process finds them as well.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { bootId, identify, isAlive, type ProcessIdentity, statFields } from '#shared/process/identity.ts'
import { NODES, type NodeName } from './cluster.ts'
import type { LabFolder } from './folder.ts'

/** A process as it was at one moment. */
type Seen = ProcessIdentity & { parent: number; name: string; arguments: string; environment: string }

/** The daemons' arguments; the order of slurmd's and slurmctld's tells them apart. */
export function daemonArguments(folder: LabFolder, daemon: 'munged' | 'slurmctld' | NodeName): string[] {
  if (daemon === 'slurmctld') return ['-f', folder.conf, '-D']
  if (daemon !== 'munged') return ['-D', '-f', folder.conf, '-N', daemon]
  return [
    '--foreground',
    '--force',
    `--key-file=${folder.key}`,
    `--socket=${folder.socket}`,
    `--pid-file=${folder.run}/munged.pid`,
    `--log-file=${folder.log('munged')}`,
    `--seed-file=${folder.munge}/seed`,
  ]
}

/** The daemon itself, if it runs. */
export function findDaemon(
  folder: LabFolder,
  daemon: 'munged' | 'slurmctld' | NodeName,
): ProcessIdentity | undefined {
  return everyProcess().find(isDaemon(folder, daemon))
}

/** The controller with its helper. */
export function controllerProcesses(folder: LabFolder): ProcessIdentity[] {
  return withDescendants(isDaemon(folder, 'slurmctld'))
}

/** All that runs on a node: slurmd, the daemons of steps, and the jobs' processes. */
export function nodeProcesses(folder: LabFolder, node: NodeName): ProcessIdentity[] {
  return withDescendants(isOfNode(folder, node))
}

/** All that the lab ever started and that still runs, jobs included. */
export function labProcesses(folder: LabFolder): ProcessIdentity[] {
  const kinds = [
    isDaemon(folder, 'munged'),
    isDaemon(folder, 'slurmctld'),
    ...NODES.map(({ name }) => isOfNode(folder, name)),
  ]
  return withDescendants((seen) => kinds.some((is) => is(seen)))
}

function isDaemon(folder: LabFolder, daemon: 'munged' | 'slurmctld' | NodeName): (seen: Seen) => boolean {
  const wanted = `\0${daemonArguments(folder, daemon).join('\0')}\0`
  return (seen) => seen.arguments.endsWith(wanted)
}

function isOfNode(folder: LabFolder, node: NodeName): (seen: Seen) => boolean {
  const isSlurmd = isDaemon(folder, node)
  const conf = `\0SLURM_CONF=${folder.conf}\0`
  const name = `\0SLURMD_NODENAME=${node}\0`
  // A step's daemon writes its title over its environment, but it keeps its node's log open.
  const log = folder.log(node)
  return (seen) =>
    isSlurmd(seen) ||
    (seen.environment.includes(conf) && seen.environment.includes(name)) ||
    (seen.name === 'slurmstepd' && hasOpen(seen.pid, log))
}

function withDescendants(is: (seen: Seen) => boolean): ProcessIdentity[] {
  const all = everyProcess()
  const found = new Map(all.filter(is).map((seen) => [seen.pid, seen]))
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const seen of all) if (found.has(seen.parent)) found.set(seen.pid, seen)
  }
  return [...found.values()].map(({ pid, start, boot }) => ({ pid, start, boot }))
}

function everyProcess(): Seen[] {
  const boot = bootId()
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => look(Number(name), boot) ?? [])
}

function look(pid: number, boot: string): Seen | undefined {
  const before = identify(pid, boot)
  const parent = statFields(pid)?.[1]
  if (before === undefined || parent === undefined) return undefined
  const seen = {
    ...before,
    parent: Number(parent),
    name: read(`/proc/${pid}/comm`).trim(),
    arguments: `\0${read(`/proc/${pid}/cmdline`)}`,
    environment: `\0${read(`/proc/${pid}/environ`)}\0`,
  }
  // Identified before and after: what was read in between is of one process.
  return isAlive(before) ? seen : undefined
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

function hasOpen(pid: number, file: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === file)
  } catch {
    return false
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
