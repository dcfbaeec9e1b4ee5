import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { startProxy, type TcpProxy } from '../../scripts/chaos-run/proxy.ts'
import { until } from '../support/until.ts'

const HELLO = 'CONNECT {"name":"worker-1"}\r\n'

async function echoing(): Promise<
  AsyncDisposable & { proxy: TcpProxy; dial(): Promise<Socket & { heard: string }> }
> {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await startProxy(() => (server.address() as AddressInfo).port)
  return {
    proxy,
    async dial() {
      const socket = Object.assign(connect(proxy.port, '127.0.0.1'), { heard: '' })
      socket.on('error', () => {}).on('data', (chunk) => (socket.heard += chunk))
      await once(socket, 'connect')
      return socket
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      server.close()
    },
  }
}

test('what passes is unchanged and in order, also when it is late', async () => {
  await using echo = await echoing()
  const socket = await echo.dial()
  echo.proxy.trouble(() => true, { delayMs: 30, bytesPerSecond: 200_000 })
  const sent = Array.from({ length: 200 }, (_, i) => `piece ${i};`)
  for (const piece of sent) socket.write(piece)
  await until('all of it', () => socket.heard.length === sent.join('').length)
  assert.equal(socket.heard, sent.join(''))
})

test('a stall and a cut meet those whom they are meant for, and no other', async () => {
  await using echo = await echoing()
  const [worker, other] = [await echo.dial(), await echo.dial()]
  worker.write(HELLO)
  other.write(HELLO.replace('worker', 'vqpu'))
  await until('both to be known', () => worker.heard !== '' && other.heard !== '')
  const isWorker = (name: string): boolean => name.startsWith('worker-')
  const end = echo.proxy.trouble(isWorker, { stall: true })
  worker.write('held back')
  other.write('passes')
  await until('the other', () => other.heard.endsWith('passes'))
  assert.equal(worker.heard, HELLO)
  end()
  await until('what was held back', () => worker.heard === `${HELLO}held back`)
  assert.equal(echo.proxy.cut(isWorker), 1)
  await until('the end of its connection', () => worker.closed)
  assert.equal(other.destroyed, false)
})

test('while connections are refused, none gets through', async () => {
  await using echo = await echoing()
  const end = echo.proxy.trouble((name) => name.startsWith('worker-'), { refuse: true })
  const refused = await echo.dial()
  refused.write(HELLO)
  await until('the end of its connection', () => refused.closed)
  assert.equal(refused.heard, '')
  end()
  const taken = await echo.dial()
  taken.write(HELLO)
  await until('an answer', () => taken.heard === HELLO)
})
