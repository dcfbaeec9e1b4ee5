/** A file that only its owner can read, written in pieces; its size and SHA-256 are known when it is closed. */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

export type Written = { bytes: number; sha256: string }

export type PrivateOutput = {
  write(chunk: Uint8Array): Promise<void>
  /** Resolves when all is on disk. */
  close(): Promise<Written>
  /** Ends without a word: what was written is of no use. */
  abandon(): Promise<void>
}

/** @throws Error when `file` exists or can't be made. */
export async function openPrivateOutput(file: string): Promise<PrivateOutput> {
  const handle = await open(file, 'wx', 0o600)
  const hash = createHash('sha256')
  let bytes = 0
  return {
    async write(chunk) {
      hash.update(chunk)
      bytes += chunk.length
      await handle.writeFile(chunk)
    },
    async close() {
      await handle.sync()
      await handle.close()
      return { bytes, sha256: hash.digest('hex') }
    },
    abandon: () => handle.close(),
  }
}
