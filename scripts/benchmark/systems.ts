/** What is measured: a system of its own, as `qubus up` starts it, and a broker for the bare program. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { findBroker } from '#infra/broker/find-broker.ts'
import { type Client, connect } from '#shared/client/index.ts'

const CLI = fileURLToPath(new URL('../cli/main.ts', import.meta.url))

export type BenchSystem = AsyncDisposable & { client: Client; home: string }

/** A fresh system in a home under the temporary folder; gone afterwards. */
export async function startSystem(): Promise<BenchSystem> {
  const home = await mkdtemp(join(tmpdir(), 'qubus-bench-'))
  const qubus = (...args: string[]) =>
    execa(process.execPath, [CLI, ...args], {
      env: { QUBUS_HOME: home },
      stdout: 'ignore',
      stderr: 'inherit',
    })
  await qubus('up', '--detach')
  const client = await connect({ home })
  return {
    client,
    home,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await qubus('down')
      await rm(home, { recursive: true, force: true })
    },
  }
}

export type BareBroker = AsyncDisposable & { port: number }

/** A nats-server with the same durability as ours, and nothing else. */
export async function startBareBroker(cache: string): Promise<BareBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'qubus-bare-'))
  const port = await freePort()
  const config = join(folder, 'nats-server.conf')
  await writeFile(
    config,
    `host: 127.0.0.1\nport: ${port}\njetstream { store_dir: ${JSON.stringify(folder)}, sync_interval: always, max_buffered_size: 128MB }\n`,
  )
  const server = execa(await findBroker({ cache }), ['--config', config], {
    stdout: 'ignore',
    stderr: 'ignore',
    reject: false,
  })
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.kill()
      await server
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
