/** Ports that are free now, and that no client of this host is given by chance while a daemon is down. */
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'

const TRIES = 200

/** So many free ports on loopback, next to each other. Labs that choose at once rarely meet; then one chooses again. */
export async function freePorts(count: number): Promise<number[]> {
  const { from, to } = await quietRange()
  const blocks = Math.floor((to - from) / count)
  for (let tries = 0; tries < TRIES; tries++) {
    const first = from + randomInt(blocks) * count
    const ports = Array.from({ length: count }, (_, i) => first + i)
    const free = await Promise.all(ports.map(isFree))
    if (free.every(Boolean)) return ports
  }
  throw new Error(`no ${count} free ports next to each other between ${from} and ${to}`)
}

/** Outside of what the kernel gives to clients: a port of a killed daemon must be free when it comes back. */
async function quietRange(): Promise<{ from: number; to: number }> {
  const text = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '32768 60999')
  const [low = 0, high = 0] = text.trim().split(/\s+/).map(Number)
  const below = { from: Math.max(LOWEST, low - WIDTH), to: low }
  const above = { from: high + 1, to: 65_536 }
  const widest = below.to - below.from >= above.to - above.from ? below : above
  return widest.to - widest.from >= ENOUGH ? widest : { from: LOWEST, to: 65_536 }
}

const LOWEST = 10_000
const WIDTH = 20_000
const ENOUGH = 1_000

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
