/** What the processes of a system use: memory and processor time, as Linux counts them. */
import { readdirSync, readFileSync } from 'node:fs'
import type { BenchSystem } from './systems.ts'

const TICKS_A_SECOND = 100

/** Resident memory in MB (10^6 bytes); 0 when it is gone. */
export function residentMb(pid: number): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`)) ?? []
  return (Number(kib) * 1024) / 1e6
}

/** Processor time of a process so far, user and system, in seconds. */
function cpuSeconds(pid: number): number {
  // After the name, which may hold anything: fields 14 and 15 of the whole.
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_A_SECOND
}

/** All processes of a home: those that name it in arguments or environment, and their children. */
export function processesOf(home: string): number[] {
  const pids = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
  const parents = new Map(pids.map((pid) => [pid, parentOf(pid)]))
  const ours = new Set(
    pids.filter(
      (pid) => read(`/proc/${pid}/cmdline`).includes(home) || read(`/proc/${pid}/environ`).includes(home),
    ),
  )
  for (let before = -1; before !== ours.size; ) {
    before = ours.size
    for (const [pid, parent] of parents) if (ours.has(parent)) ours.add(pid)
  }
  return [...ours]
}

function parentOf(pid: number): number {
  return Number(read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ')[1] ?? 0)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Processor time that a system used while `during` ran, in percent of one core. */
export async function coreShare(home: string, during: () => Promise<void>): Promise<number> {
  const pids = processesOf(home)
  const total = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  const [from, before] = [performance.now(), total()]
  await during()
  return ((total() - before) / ((performance.now() - from) / 1000)) * 100
}

export async function pidOf({ client }: BenchSystem, actor: string): Promise<number> {
  const found = (await client.status()).actors.find(({ name, state }) => name === actor && state === 'ready')
  if (found === undefined) throw new Error(`no ${actor} is ready`)
  return found.pid
}

/** The most memory that a process held while `during` ran, in MB; looked at ten times a second. */
export async function peakMb<T>(pid: number, during: () => Promise<T>): Promise<{ peak: number; value: T }> {
  let peak = residentMb(pid)
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMb(pid))
  }, 100)
  try {
    const value = await during()
    return { value, peak }
  } finally {
    clearInterval(timer)
  }
}
