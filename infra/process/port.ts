/** The port of a server: chosen once and kept, so that clients find it again after a restart. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { writePrivate } from './private-file.ts'

/**
 * The port kept in `file` if it is free on `host`, or a new free one, which is kept.
 * Somebody else may take it before the server does: then the server says so, and this is asked again.
 */
export async function keptPort(file: string, host: string): Promise<number> {
  const kept = Number(await readFile(file, 'utf8').catch(() => '0'))
  if (kept > 0 && kept < 65536 && (await bind(kept, host)) === kept) return kept
  const free = await bind(0, host)
  if (free === undefined) throw new Error(`no free port on ${host}`)
  await writePrivate(file, `${free}\n`)
  return free
}

function bind(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined))
    })
  })
}
