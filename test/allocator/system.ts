/** A broker with the streams, a home, and allocators: in this process, or as processes that can be killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { processesWith } from '#shared/process/find.ts'
import { type Bus, connectBus } from '../../shared/bus/connect.ts'
import { readLast } from '../../shared/bus/direct.ts'
import { STREAM } from '../../shared/contract/streams.ts'
import { record, subject } from '../../shared/contract/subjects.ts'
import { encode } from '../../shared/wire/message.ts'
import { withBroker } from '../support/with-broker.ts'

export type System = AsyncDisposable & {
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

const ALLOCATOR = new URL('../fixtures/allocator/allocator.ts', import.meta.url).pathname

export async function openSystem(): Promise<System> {
  const broker = await withBroker()
  const { home } = broker
  const bus = await connectBus(await broker.addressOf('admin'), 'test')
  const children: ChildProcess[] = []
  const write = async (of: string, content: unknown): Promise<void> => {
    await bus.nc.request(of, encode(content), { timeout: 5_000 })
  }
  return {
    home,
    bus,
    jobFiles: () => readdirSync(join(home, 'jobs')).filter((file) => file.endsWith('.json')),
    async allocator(id, options = {}) {
      const child = spawn(process.execPath, [ALLOCATOR], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {
          PATH: process.env.PATH,
          QUBUS_HOME: home,
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
      await broker[Symbol.asyncDispose]()
    },
  }
}
