/** A broker with the streams, a home, and allocators: in this process, or as processes that can be killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processesWith } from '../../services/allocator/local/process-identity.ts'
import { type Bus, connectBus } from '../../shared/bus/connect.ts'
import { readLast } from '../../shared/bus/direct.ts'
import { provisionStreams } from '../../shared/bus/streams.ts'
import { STREAM } from '../../shared/contract/streams.ts'
import { record, subject } from '../../shared/contract/subjects.ts'
import { encode } from '../../shared/wire/message.ts'

export type System = AsyncDisposable & {
  url: string
  home: string
  bus: Bus
  /** Files of jobs that are known. */
  jobFiles(): string[]
  /** Starts an allocator process; resolves when it is ready. */
  allocator(id: string, options?: AllocatorChild): Promise<ChildProcess>
  /** Publishes the records and the command for a vQPU, as the coordinator does. */
  launch(
    run: string,
    wish?: { engine?: string; walltimeSeconds?: number; shared?: boolean; device?: string },
  ): Promise<string>
  write(of: string, content: unknown): Promise<void>
  read(of: string): Promise<Uint8Array | undefined>
}

export type AllocatorChild = { cluster?: string; crashAfterStart?: boolean }

export const SERVER = process.env['NATS_SERVER'] ?? '/tmp/natsbuild/nats-server'
const ALLOCATOR = new URL('../fixtures/allocator/allocator.ts', import.meta.url).pathname

export async function openSystem(): Promise<System> {
  const home = mkdtempSync(join(tmpdir(), 'qubus-allocator-'))
  const port = await freePort()
  const server = spawn(SERVER, ['-js', '-a', '127.0.0.1', '-p', String(port), '-sd', join(home, 'nats')], {
    stdio: 'ignore',
  })
  const url = `nats://127.0.0.1:${port}`
  const bus = await connected(url)
  await provisionStreams(bus.nc, 1024 ** 3)
  const children: ChildProcess[] = []
  const write = async (of: string, content: unknown): Promise<void> => {
    await bus.nc.request(of, encode(content), { timeout: 5_000 })
  }
  return {
    url,
    home,
    bus,
    jobFiles: () => readdirSync(join(home, 'jobs')).filter((file) => file.endsWith('.json')),
    async allocator(id, options = {}) {
      const child = spawn(process.execPath, [ALLOCATOR], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {
          PATH: process.env['PATH'],
          QUBUS_HOME: home,
          QUBUS_URL: url,
          ID: id,
          OPTIONS: JSON.stringify(options),
        },
      })
      children.push(child)
      await new Promise<void>((resolve, reject) => {
        child.stdout.once('data', () => resolve())
        child.once('exit', (code) => reject(new Error(`the allocator ended with ${code}`)))
      })
      return child
    },
    async launch(
      run,
      { engine = 'fixture', walltimeSeconds = 600, shared = false, device = `${run}-vqpu-1` } = {},
    ) {
      await write(record(run).requested, { fixture: true })
      await write(subject.allocation('vqpu', run, '1-1'), {
        kind: 'vqpu',
        name: 'launchVqpu',
        digest: 'd',
        queuedAt: Date.now(),
        run,
        step: 1,
        attempt: 1,
        device,
        engine,
        walltimeSeconds,
        shared,
      })
      return device
    },
    write,
    async read(of) {
      return (await readLast(bus.nc, STREAM.runs, of))?.data
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill('SIGKILL')
      for (const { pid } of processesWith('QUBUS_HOME', home)) process.kill(pid, 'SIGKILL')
      await bus[Symbol.asyncDispose]()
      const gone = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGKILL')
      await gone
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Waits until `look` gives something other than undefined or false. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  timeoutMs = 20_000,
): Promise<Exclude<T, false | undefined | null>> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false && found !== null)
      return found as Exclude<T, false | undefined | null>
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

async function connected(url: string): Promise<Bus> {
  for (let tries = 0; ; tries++) {
    try {
      return await connectBus({ url, user: 'test', password: '' }, 'test', 1_000)
    } catch (error) {
      if (tries > 50) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
