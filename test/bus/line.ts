/** A line to the broker that can be made deaf: what the client sends still arrives, answers do not. */
import { connect, createServer, type Socket } from 'node:net'

export type Line = AsyncDisposable & {
  url: string
  /** From now on the broker's answers are lost. */
  goDeaf(): void
  /** Breaks the connections; new ones work as they should. */
  breakOff(): void
}

export async function openLine(to: string): Promise<Line> {
  const { hostname, port } = new URL(to)
  const sockets = new Set<Socket>()
  let deaf = false
  const server = createServer((client) => {
    const broker = connect(Number(port), hostname)
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        broker.destroy()
      })
    }
    client.pipe(broker)
    broker.on('data', (chunk) => {
      if (!deaf) client.write(chunk)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const breakOff = (): void => {
    deaf = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `nats://127.0.0.1:${(server.address() as { port: number }).port}`,
    goDeaf() {
      deaf = true
    },
    breakOff,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      breakOff()
      await closed
    },
  }
}
