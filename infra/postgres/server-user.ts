/** Who PostgreSQL runs as, and where that user's files lie: it refuses to run as root. */
import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { homePaths } from '#shared/config/home.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { lettingPass } from '../process/prepare-home.ts'

export type ServerUser = {
  /** Undefined: as ourselves. */
  owner: { uid: number; gid: number } | undefined
  /** Where the programs are copied to; never writable by the server's user when that is not us. */
  programs: string
  /** 0700, the server's user's own: data and nothing else. */
  data: string
}

/**
 * An ordinary user keeps everything in home and cache. For root the server runs as `postgres` or `nobody`; its programs
 * lie under /var/lib, and its data too where the home is in a folder that no other user can enter, such as /root.
 */
export async function serverUserFor(home: string, cache: string): Promise<ServerUser> {
  if (process.getuid?.() !== 0) {
    return { owner: undefined, programs: join(cache, 'postgres'), data: homePaths(home).postgresData }
  }
  const base = await reachableFolder()
  const name = createHash('sha256').update(home).digest('hex').slice(0, 16)
  const data = (await lettingPass(home)) ? homePaths(home).postgresData : join(base, 'data', name)
  return { owner: await unprivilegedUser(), programs: join(base, 'programs'), data }
}

const BASES = ['/var/lib/qubus-postgres', '/var/tmp/qubus-postgres']

async function reachableFolder(): Promise<string> {
  const problems: string[] = []
  for (const base of BASES) {
    try {
      for (const folder of [base, join(base, 'data'), join(base, 'programs')]) {
        await mkdir(folder).then(
          () => chmod(folder, 0o755),
          (error: NodeJS.ErrnoException) => {
            if (error.code !== 'EEXIST') throw error
          },
        )
        await assertRoots(folder)
      }
      return base
    } catch (error) {
      problems.push(`${base}: ${(error as Error).message}`)
    }
  }
  throw new QubusError('UNREACHABLE', `root has no folder for PostgreSQL:\n${problems.join('\n')}`)
}

// In a folder that all may write to, somebody else may have been first.
async function assertRoots(folder: string): Promise<void> {
  const found = await lstat(folder)
  if (found.isDirectory() && found.uid === 0 && (found.mode & 0o022) === 0) return
  throw new Error(`${folder} is not root's own`)
}

// initdb looks its user up by name, so the user must exist.
async function unprivilegedUser(): Promise<{ uid: number; gid: number }> {
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((fields) => fields[0] === name) ?? []
    if (uid !== undefined && uid !== '0') return { uid: Number(uid), gid: Number(gid) }
  }
  throw new QubusError(
    'UNREACHABLE',
    'PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as',
  )
}
