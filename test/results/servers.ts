import { spawn, type ChildProcess, execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync, chmodSync, rmSync, chownSync } from 'node:fs'
import { createServer } from 'node:net'
import { connectBus, type BusAddress } from '#shared/bus/connect.ts'
import { provisionStreams } from '#shared/bus/streams.ts'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'

const freePort = () => new Promise<number>((resolve) => { const s = createServer().listen(0, '127.0.0.1', () => { const { port } = s.address() as { port: number }; s.close(() => resolve(port)) }) })

export async function withBroker() {
  const dir = mkdtempSync('/tmp/rs/b-'); const port = await freePort()
  writeFileSync(`${dir}/c`, `listen: 127.0.0.1:${port}\njetstream { store_dir: ${dir}/js, sync_interval: always }\n`)
  let child: ChildProcess
  const start = () => { child = spawn('/tmp/natsbuild/nats-server', ['-c', `${dir}/c`], { stdio: 'ignore' }) }
  start()
  const address: BusAddress = { url: `127.0.0.1:${port}`, user: 'admin', password: 'x' }
  for (;;) { try { const bus = await connectBus(address, 'prov', 500); await provisionStreams(bus.nc); await bus[Symbol.asyncDispose](); break } catch (e) { await pause(50) } }
  return { address, url: `nats://127.0.0.1:${port}`, 
    async kill() { child.kill('SIGKILL'); await new Promise((r) => child.once('exit', r)) }, async restart() { start() },
    async [Symbol.asyncDispose]() { child.kill('SIGKILL'); await new Promise((r) => child.once('exit', r)); rmSync(dir, { recursive: true }) } }
}

export async function withPostgres() {
  const dir = mkdtempSync('/tmp/rs/p-'); const port = await freePort()
  chmodSync(dir, 0o755); execFileSync('mkdir', [`${dir}/d`]); chownSync(`${dir}/d`, 65534, 65534)
  const env = { ...process.env, LD_LIBRARY_PATH: '/tmp/rs/pgnative/lib' }
  execFileSync('setpriv', ['--reuid=nobody', '--clear-groups', '/tmp/rs/pgnative/bin/initdb', '-D', `${dir}/d`, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C', '--no-sync'], { env, stdio: 'ignore' })
  let child: ChildProcess
  const start = () => { child = spawn('setpriv', ['--reuid=nobody', '--clear-groups', '/tmp/rs/pgnative/bin/postgres', '-D', `${dir}/d`, '-p', String(port), '-k', '', '-c', 'listen_addresses=127.0.0.1'], { env, stdio: process.env.PGLOG ? 'inherit' : 'ignore' }) }
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const ready = async () => { for (;;) { const c = new Client(url); c.on('error', () => {}); try { await c.connect(); await c.end(); return } catch { await pause(50) } } }
  start(); await ready()
  return { url, 
    async kill() { child.kill('SIGKILL'); await new Promise((r) => child.once('exit', r)) }, async restart() { start(); await ready() },
    async [Symbol.asyncDispose]() { child.kill('SIGKILL'); await new Promise((r) => child.once('exit', r)); rmSync(dir, { recursive: true, force: true }) } }
}
