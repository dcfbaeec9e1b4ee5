/** What a broker says first to whoever connects. */
import { connect } from 'node:net'

export type Greeting = { server_name: string; version: string; jetstream?: boolean }

/** The greeting of whatever listens there, undefined when nothing does or it is no broker. */
export function greeting(host: string, port: number, timeoutMs = 2_000): Promise<Greeting | undefined> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect({ host: host === '0.0.0.0' ? '127.0.0.1' : host, port })
    const end = (found?: Greeting) => {
      socket.destroy()
      resolve(found)
    }
    socket.setTimeout(timeoutMs, () => end())
    socket.once('error', () => end())
    socket.once('close', () => end())
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      const line = text.indexOf('\r\n')
      if (line !== -1) end(parse(text.slice(0, line)))
      else if (text.length > 65_536) end()
    })
  })
}

function parse(line: string): Greeting | undefined {
  try {
    return line.startsWith('INFO ') ? JSON.parse(line.slice(5)) : undefined
  } catch {
    return undefined
  }
}
