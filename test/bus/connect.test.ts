import assert from 'node:assert/strict'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { test } from 'node:test'
import { connectBus } from '#shared/bus/connect.ts'
import { withBroker } from '../support/with-broker.ts'

const port = (server: Server): number => (server.address() as { port: number }).port

const listen = (server: Server, at = 0): Promise<void> =>
  new Promise((resolve) => server.listen(at, '127.0.0.1', resolve))

const close = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve))

/** Hangs up on the first callers, each in a way of its own; then it is a line to the broker. */
function hangsUp(on: ((socket: Socket) => void)[]): Server {
  return createServer((socket) => on.shift()?.(socket))
}

test('a broker that is not there is UNREACHABLE, naming its address', async () => {
  const address = { url: 'nats://127.0.0.1:1', user: 'x', password: 'y' }
  await assert.rejects(
    connectBus(address, 'test'),
    (error: Error & { code: string }) =>
      error.code === 'UNREACHABLE' && error.message.includes('127.0.0.1:1'),
  )
})

test('a wrong password is refused', async () => {
  await using broker = await withBroker({ provision: false })
  const address = await broker.addressOf('admin')
  await assert.rejects(connectBus({ ...address, password: 'wrong' }, 'test'), { code: 'UNREACHABLE' })
})

test('a broker that ends while it is dialled, and is back in a moment, is dialled again', async () => {
  await using broker = await withBroker({ provision: false })
  const address = await broker.addressOf('admin')
  let dialled = 0
  const ending = hangsUp([
    (socket) => socket.end(),
    (socket) => socket.resetAndDestroy(),
    (socket) => {
      socket.destroy()
      void close(ending)
    },
  ])
  ending.on('connection', () => dialled++)
  await listen(ending)
  const at = port(ending)
  const connecting = connectBus({ ...address, url: `nats://127.0.0.1:${at}` }, 'test')
  await new Promise((resolve) => ending.once('close', resolve))
  const line = createServer((client) => {
    const far = createConnection(Number(new URL(address.url).port), '127.0.0.1')
    for (const [one, other] of [
      [client, far],
      [far, client],
    ] as const)
      one.pipe(other).on('error', () => one.destroy())
  })
  await listen(line, at)
  await (await connecting)[Symbol.asyncDispose]()
  await close(line)
  assert.equal(dialled, 3)
})

test('who hangs up on everybody is UNREACHABLE in the end', async () => {
  const server = createServer((socket) => socket.destroy())
  await listen(server)
  const address = { url: `nats://127.0.0.1:${port(server)}`, user: 'x', password: 'y' }
  await assert.rejects(connectBus(address, 'test', 500), { code: 'UNREACHABLE' })
  await close(server)
})
