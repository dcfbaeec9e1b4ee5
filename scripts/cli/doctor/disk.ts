/** The disk that a home lies on: durability is only as good, and as fast, as its fsync. */
import { mkdtemp, open, readFile, realpath, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Environment } from '#shared/config/environment.ts'
import type { Finding } from './checks.ts'
import { findMount, judgeMount } from './mounts.ts'

export async function checkFileSystem({ home }: Environment): Promise<Finding> {
  const folder = await nearestFolder(home)
  return judgeMount(findMount(await readFile('/proc/self/mounts', 'utf8'), folder), home)
}

const WRITES = 40
const LEAST_PER_SECOND = 50

/** Small appended writes, each synced: what the broker does for every group of messages. */
export async function checkSyncRate({ home }: Environment): Promise<Finding> {
  const folder = await mkdtemp(join(await nearestFolder(home), '.qubus-doctor-'))
  try {
    await using file = await open(join(folder, 'sync'), 'w', 0o600)
    const block = Buffer.alloc(4096, 1)
    const start = performance.now()
    for (let i = 0; i < WRITES; i++) {
      await file.write(block)
      await file.sync()
    }
    const rate = Math.round((WRITES * 1000) / (performance.now() - start))
    const found = `${rate} synced writes a second`
    if (rate >= LEAST_PER_SECOND) return { ok: true, found }
    return {
      ok: false,
      found,
      advice: 'every step waits for the disk: an SSD or NVMe disk syncs a hundred times as often',
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const GIB = 1024 ** 3

export async function checkSpace({ home }: Environment): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestFolder(home))
  const free = (bavail * bsize) / GIB
  const found = `${free.toFixed(1)} GiB free for ${home}`
  return free >= 2
    ? { ok: true, found }
    : {
        ok: false,
        found,
        advice: 'streams stop taking requests when they are full: make room, or set QUBUS_HOME elsewhere',
      }
}

const LEAST_INODES = 50_000

export async function checkInodes({ home }: Environment): Promise<Finding> {
  const { files, ffree } = await statfs(await nearestFolder(home))
  // Some file systems make them as they need.
  if (files === 0) return { ok: true, found: 'no fixed number' }
  return ffree >= LEAST_INODES
    ? { ok: true, found: `${ffree} free` }
    : { ok: false, found: `${ffree} free`, advice: 'remove files, or set QUBUS_HOME elsewhere' }
}

/** The folder itself, or the one above it that is there. */
async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory()) return realpath(path)
  return nearestFolder(dirname(path))
}
