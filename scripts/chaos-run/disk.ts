/** A small file system under the broker's store, which can be filled up. Only root can make one. */
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'

export type Disk = AsyncDisposable & {
  /** Takes all the space that is left. */
  fill(): Promise<void>
  free(): Promise<void>
}

const BYTES = 1024 ** 3
const PIECE = Buffer.alloc(1024 * 1024, 1)

/** Undefined where none can be made. @param folder where it is to be. */
export async function smallDisk(folder: string): Promise<Disk | undefined> {
  if (process.getuid?.() !== 0) return undefined
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const mounted = await execa('mount', ['-t', 'tmpfs', '-o', `size=${BYTES},mode=0700`, 'tmpfs', folder], {
    reject: false,
  })
  if (mounted.exitCode !== 0) return undefined
  const ballast = join(folder, 'ballast')
  // Faults may overlap: there is room again when the last one is over.
  let fills = 0
  return {
    async fill() {
      if (fills++ === 0) await fillUp(ballast)
    },
    async free() {
      if (--fills === 0) await rm(ballast, { force: true })
    },
    async [Symbol.asyncDispose]() {
      await execa('umount', ['-l', folder], { reject: false })
    },
  }
}

async function fillUp(ballast: string): Promise<void> {
  await using file = await open(ballast, 'w')
  try {
    for (;;) await file.write(PIECE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}
