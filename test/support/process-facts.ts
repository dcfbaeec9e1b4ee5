/** What the kernel says about a process, as anybody on the host could read it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export function commandLineOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
}

/** The addresses, such as `127.0.0.1:4222`, at which a process listens for TCP; IPv6 in the kernel's form. */
export function listeningAddresses(pid: number): string[] {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)))
  const rows = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8').trim().split('\n').slice(1),
  )
  return rows.flatMap((row) => {
    const [, local, , state, , , , , , inode] = row.trim().split(/\s+/)
    const LISTEN = '0A'
    return state === LISTEN && sockets.has(`socket:[${inode}]`) ? [readable(local ?? '')] : []
  })
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

// An IPv4 address is one little-endian word in hex.
function readable(local: string): string {
  const [address = '', port = ''] = local.split(':')
  if (address.length !== 8) return `${address}:${Number.parseInt(port, 16)}`
  const bytes = address.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? []
  return `${bytes.reverse().join('.')}:${Number.parseInt(port, 16)}`
}

/** Whether the process runs: one that has ended and waits for its parent does not. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !/^[ZX]$/.test(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0] ?? '')
  } catch {
    return false
  }
}

/** Processor time that a process has used, in hundredths of a second. */
export function processorTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
