/** Whether the servers are there, answer, and listen to nobody else. */
import { access, constants, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Client } from 'pg'
import { builtBroker, isAtLeast, versionOf } from '#infra/broker/find-broker.ts'
import { hasGo, pinnedVersion } from '#infra/broker/go-build.ts'
import { supervisorFiles } from '#infra/supervisor/files.ts'
import { lockHolder } from '#infra/supervisor/home-lock.ts'
import { connectBus } from '#shared/bus/connect.ts'
import { connectionFor, databaseUrlFrom } from '#shared/config/credentials.ts'
import { type Environment, readHost } from '#shared/config/environment.ts'
import { QubusError } from '#shared/contract/errors.ts'
import type { Finding } from './checks.ts'

const NOT_UP: Finding = { ok: true, found: 'not running on this home' }

/** Whether a system of another host, or of this one, has this home. */
export async function checkHome({ home }: Environment): Promise<Finding> {
  try {
    const holder = lockHolder(supervisorFiles(home).lock)
    return {
      ok: true,
      found: holder ? `${home}, supervised by process ${holder.pid}` : `${home}, held by nobody`,
    }
  } catch (error) {
    return { ok: false, found: `${home} is held`, advice: (error as Error).message }
  }
}

export async function checkBroker(environment: Environment): Promise<Finding> {
  try {
    await using bus = await connectBus(await connectionFor('client', environment), 'doctor', 3_000)
    const started = performance.now()
    await bus.nc.flush()
    const { server_name: name, version } = bus.nc.info ?? {}
    return {
      ok: true,
      found: `${name ?? ''} ${version ?? ''} answers in ${(performance.now() - started).toFixed(1)} ms`,
    }
  } catch (error) {
    return missing(error, 'qubus status says who runs; qubus up starts it')
  }
}

export async function checkPostgres(environment: Environment): Promise<Finding> {
  let client: Client | undefined
  try {
    client = new Client({ connectionString: databaseUrlFrom(environment), connectionTimeoutMillis: 3_000 })
    client.on('error', () => {})
    await client.connect()
    const { rows } = await client.query<{ version: string }>('select version() as version')
    return { ok: true, found: rows[0]?.version.split(' on ')[0] ?? '' }
  } catch (error) {
    return missing(error, 'see logs/postgres.log in the home')
  } finally {
    await client?.end().catch(() => {})
  }
}

function missing(error: unknown, advice: string): Finding {
  if (error instanceof QubusError && error.code === 'NOT_RUNNING') return NOT_UP
  return { ok: false, found: (error as Error).message, advice }
}

/** Found as `qubus up` finds it, but nothing is built. */
export async function checkBrokerBinary({ cache, url }: Environment): Promise<Finding> {
  if (url !== undefined) return { ok: true, found: 'not needed: QUBUS_URL is set' }
  const wanted = await pinnedVersion()
  const folders = readHost().searchPath
  for (const file of [...folders.map((folder) => join(folder, 'nats-server')), builtBroker(cache, wanted)]) {
    if (
      !(await access(file, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      continue
    const version = await versionOf(file)
    if (version !== undefined && isAtLeast(version, wanted))
      return { ok: true, found: `nats-server ${version} (${file})` }
  }
  if (await hasGo())
    return { ok: true, found: `none yet: qubus up builds nats-server ${wanted} with Go, once` }
  return {
    ok: false,
    found: 'none, and no Go to build one',
    advice: `put nats-server ${wanted} or newer on PATH, or install Go 1.21 or newer`,
  }
}

/** Of this system's two servers, which addresses do they listen on? */
export async function checkListeners(environment: Environment): Promise<Finding> {
  const ports = await Promise.all([environment.paths.brokerPort, environment.paths.postgresPort].map(portIn))
  const known = ports.filter((port) => port !== undefined)
  if (known.length === 0) return canListen()
  const listening = (
    await Promise.all(
      ['/proc/net/tcp', '/proc/net/tcp6'].map((table) => readFile(table, 'utf8').catch(() => '')),
    )
  ).flatMap(listenersIn)
  const ours = listening.filter(({ port }) => known.includes(port))
  const open = ours.filter(({ loopback }) => !loopback)
  const found =
    ours.length === 0
      ? 'nobody listens'
      : ours.map(({ port, loopback }) => `${loopback ? 'loopback' : 'all addresses'}:${port}`).join(', ')
  if (open.length === 0) return { ok: true, found }
  return {
    ok: false,
    found,
    advice: 'others can reach it over the network: a firewall, or a home of its own on loopback, is needed',
  }
}

// As qubus up will: on loopback, on ports that the kernel gives.
function canListen(): Promise<Finding> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) =>
      resolve({
        ok: false,
        found: `no port can be had on loopback: ${error.message}`,
        advice: 'broker and Postgres listen there: bring up the interface lo, or free ports',
      }),
    )
    server.listen(0, '127.0.0.1', () =>
      server.close(() => resolve({ ok: true, found: 'nothing listens yet; loopback gives free ports' })),
    )
  })
}

async function portIn(file: string): Promise<number | undefined> {
  const port = Number(await readFile(file, 'utf8').catch(() => ''))
  return port > 0 ? port : undefined
}

/** Listening sockets in a kernel table: the local address is hexadecimal, of which loopback is 127.… or ::1. */
export function listenersIn(table: string): Array<{ port: number; loopback: boolean }> {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/)
      const [address = '', port = ''] = local.split(':')
      if (state !== '0A') return []
      const mapped = address.startsWith('0000000000000000FFFF0000') ? address.slice(24) : address
      const loopback =
        mapped.length === 8 ? mapped.endsWith('7F') : address === '00000000000000000000000001000000'
      return [{ port: Number.parseInt(port, 16), loopback }]
    })
}
