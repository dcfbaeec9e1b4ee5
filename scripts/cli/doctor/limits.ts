/** What the kernel gives this process and those that it starts: open files, processes, memory. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Finding } from './checks.ts'

/** A coordinator with its threads, the broker with its clients and files: a few hundred each. */
const LEAST_FILES = 4096
/** Threads count too: a system has about 200, a worker of many slots some more. */
const LEAST_PROCESSES = 1024
const GIB = 1024 ** 3
const LEAST_MEMORY = 2 * GIB

export type Limit = { soft: number; hard: number }

/** One line of `/proc/self/limits`, such as `Max open files`; what is unlimited is infinite. */
export function limitIn(table: string, name: string): Limit | undefined {
  const line = table.split('\n').find((each) => each.startsWith(`${name} `))
  const [soft, hard] = line?.slice(name.length).trim().split(/\s+/) ?? []
  if (soft === undefined || hard === undefined) return undefined
  const number = (text: string) => (text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text))
  return { soft: number(soft), hard: number(hard) }
}

export async function checkOpenFiles(): Promise<Finding> {
  const limit = limitIn(await readFile('/proc/self/limits', 'utf8'), 'Max open files')
  if (limit === undefined) return { ok: true, found: 'not known' }
  const found = `${shown(limit.soft)} (at most ${shown(limit.hard)})`
  if (limit.soft >= LEAST_FILES) return { ok: true, found }
  const advice =
    limit.hard >= LEAST_FILES
      ? `raise it before qubus up: ulimit -n ${LEAST_FILES}`
      : `ask who runs this host for ${LEAST_FILES} (nofile in /etc/security/limits.conf, LimitNOFILE of a unit)`
  return { ok: false, found, advice }
}

export async function checkProcesses(): Promise<Finding> {
  const user = limitIn(await readFile('/proc/self/limits', 'utf8'), 'Max processes')?.soft
  const group = await smallestOfGroup('pids', ['pids.max'])
  const least = Math.min(user ?? Number.POSITIVE_INFINITY, group ?? Number.POSITIVE_INFINITY)
  const found = `${shown(user ?? Number.POSITIVE_INFINITY)} a user${group === undefined ? '' : `, ${shown(group)} in this control group`}; threads count`
  if (least >= LEAST_PROCESSES) return { ok: true, found }
  return {
    ok: false,
    found,
    advice:
      least === user
        ? `raise it before qubus up: ulimit -u ${LEAST_PROCESSES}`
        : `the control group is too small for a system: use another node, or a unit with TasksMax=${LEAST_PROCESSES}`,
  }
}

export async function checkMemory(): Promise<Finding> {
  const total = memoryIn(await readFile('/proc/meminfo', 'utf8'))
  const group = await smallestOfGroup('memory', ['memory.max', 'memory.limit_in_bytes'])
  const limited = group !== undefined && group < total
  const usable = limited ? group : total
  const found = `${(usable / GIB).toFixed(1)} GiB${limited ? ` for this control group, of ${(total / GIB).toFixed(1)} GiB` : ''}`
  if (usable >= LEAST_MEMORY) return { ok: true, found }
  return {
    ok: false,
    found,
    advice: 'a whole system takes about 1 GiB, tasks and circuits more: use another node',
  }
}

/** Bytes of memory, from `/proc/meminfo`. */
export function memoryIn(table: string): number {
  return Number(/^MemTotal:\s+(\d+) kB/m.exec(table)?.[1] ?? Number.POSITIVE_INFINITY) * 1024
}

/** The folders of a controller's files for this process and the groups around it, innermost first; both versions of control groups. */
export function groupFolders(table: string, controller: string): string[] {
  const folders: string[] = []
  for (const line of table.split('\n')) {
    const [id, controllers = '', ...path] = line.split(':')
    const unified = id === '0' && controllers === ''
    if (!unified && !controllers.split(',').includes(controller)) continue
    const root = unified ? '/sys/fs/cgroup' : join('/sys/fs/cgroup', controller)
    for (let at = path.join(':'); ; at = join(at, '..')) {
      folders.push(join(root, at).replace(/\/$/, ''))
      if (at === '/' || at === '') break
    }
  }
  return folders
}

/** The smallest bound among the control groups that this process is in; undefined where there is none. */
export async function smallestOfGroup(controller: string, files: string[]): Promise<number | undefined> {
  const table = await readFile('/proc/self/cgroup', 'utf8').catch(() => '')
  const bounds: number[] = []
  for (const folder of groupFolders(table, controller))
    for (const file of files) {
      const bound = Number((await readFile(join(folder, file), 'utf8').catch(() => '')).trim() || Number.NaN)
      // Without a bound it says `max`, or the largest number of pages.
      if (bound > 0 && bound < 2 ** 60) bounds.push(bound)
    }
  return bounds.length === 0 ? undefined : Math.min(...bounds)
}

function shown(value: number): string {
  return Number.isFinite(value) ? String(value) : 'unlimited'
}
