/** The processes of a system, found by the folder that they carry in their environment, whoever their parent is. */
import { readdirSync, readFileSync } from 'node:fs'

export type Process = {
  pid: number
  parent: number
  command: string
  kind: string | undefined
  startedAt: number
}

/** All that carry `HOME=<home>`; oldest first. */
export function processesOf(home: string): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => look(name, home) ?? [])
    .sort((a, b) => a.startedAt - b.startedAt || a.pid - b.pid)
}

function look(pid: string, home: string): Process | undefined {
  try {
    if (!readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`HOME=${home}`)) return undefined
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z') return undefined
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    return {
      pid: Number(pid),
      parent: Number(fields[1]),
      command,
      kind: kindOf(command),
      startedAt: Number(fields[19]),
    }
  } catch {
    // It ended meanwhile.
    return undefined
  }
}

/** `worker` and the like, or `supervisor`; undefined for what an actor started. */
function kindOf(command: string): string | undefined {
  return (
    /\/services\/([a-z]+)\/main\.ts( |$)/.exec(command)?.[1] ??
    (command.includes('/infra/supervisor/main.ts') ? 'supervisor' : undefined)
  )
}

/** Those that no actor answers for any more. */
export function orphansAmong(all: Process[]): Process[] {
  const byPid = new Map(all.map((each) => [each.pid, each]))
  const answeredFor = (one: Process): boolean => {
    for (let at: Process | undefined = one; at !== undefined; at = byPid.get(at.parent))
      if (at.kind !== undefined) return true
    return false
  }
  return all.filter((one) => !answeredFor(one))
}
