/**
 * The end of a test file: what it shares between tests is closed, and a process that it leaves behind fails it.
 * Importing this is enough: the hook must be made outside any test, or it would belong to that test.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { after } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

const finishers: (() => PromiseLike<void>)[] = []

/** Calls `finish` when all tests of this file are done: the last one given comes first. */
export function atEndOfFile(finish: () => PromiseLike<void>): void {
  finishers.push(finish)
}

// Hooks run in the order they were made: one made after the file was read comes after the file's own.
setImmediate(() => {
  after(async () => {
    const errors: unknown[] = []
    // What can't be closed leaves the others no less to be closed.
    for (const finish of [...finishers.reverse(), assertNoDescendants])
      await Promise.resolve(finish()).catch((error: unknown) => errors.push(error))
    exitIfHeldOpen()
    if (errors.length > 0) throw errors[0]
  })
})

// Servers have process groups of their own: a test run that is stopped would leave them behind.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  // Not once: a second signal, of the runner and of whoever stopped it, would end us in the midst of this.
  process.on(signal, () => {
    for (const { pid } of descendantsOf(process.pid)) killIfThere(pid)
    process.exit(1)
  })
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended with another one.
  }
}

const HELD_OPEN_MS = 10_000

// A connection or timer that a failed test left would keep the process, and the whole run, waiting.
function exitIfHeldOpen(): void {
  const timer = setTimeout(() => {
    process.stderr.write(
      `the tests are over, but something was left open: ${process.getActiveResourcesInfo().join(', ')}\n`,
    )
    process.exit(1)
  }, HELD_OPEN_MS)
  timer.unref()
}

async function assertNoDescendants(): Promise<void> {
  let left = descendantsOf(process.pid)
  for (let looks = 0; left.length > 0 && looks < 100; looks++) {
    await pause(20)
    left = descendantsOf(process.pid)
  }
  for (const { pid } of left) killIfThere(pid)
  if (left.length > 0)
    throw new Error(
      `processes were left behind: ${left.map((each) => `${each.pid} ${each.command}`).join(', ')}`,
    )
}

type Descendant = { pid: number; command: string }

/** Live processes below `ancestor`, by way of `/proc`; one that was detached is found as long as its parent lives. */
export function descendantsOf(ancestor: number): Descendant[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statusOf(name) ?? [])
  const below = (parent: number): typeof all =>
    all.filter((each) => each.parent === parent).flatMap((each) => [each, ...below(each.pid)])
  return below(ancestor)
    .filter((each) => !each.zombie)
    .map(({ pid, command }) => ({ pid, command }))
}

function statusOf(
  name: string,
): { pid: number; parent: number; command: string; zombie: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
    const end = stat.lastIndexOf(')')
    const [state, parent] = stat.slice(end + 2).split(' ')
    const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim().slice(0, 120)
    return { pid: Number(name), parent: Number(parent), command, zombie: state === 'Z' }
  } catch {
    return undefined
  }
}
