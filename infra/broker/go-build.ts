/** Builds the pinned nats-server, and what else is written in Go, from Go's module proxy. */
import { constants } from 'node:fs'
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { readHost } from '#shared/config/environment.ts'
import { QubusError } from '#shared/contract/errors.ts'

const MODULE = 'github.com/nats-io/nats-server/v2'
const FOLDER = import.meta.dirname

/** The version that `go.mod` names, such as `2.15.2`. */
export async function pinnedVersion(): Promise<string> {
  const found = new RegExp(`${MODULE} v([0-9.]+)`).exec(await readFile(join(FOLDER, 'go.mod'), 'utf8'))?.[1]
  if (found === undefined) throw new QubusError('INTERNAL', `infra/broker/go.mod does not name ${MODULE}`)
  return found
}

/** Whether Go is there, and new enough to fetch the Go that the module asks for. */
export async function hasGo(): Promise<boolean> {
  const { stdout, failed } = await execa('go', ['env', 'GOVERSION'], { reject: false, cwd: '/' })
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(stdout ?? '') ?? []
  return !failed && (Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 21))
}

/**
 * Builds the broker into `target`.
 * @throws QubusError `UNREACHABLE`, with the last lines that Go said.
 */
export async function buildBroker(
  target: string,
  cache: string,
  say: (line: string) => void,
  cancelSignal?: AbortSignal,
): Promise<void> {
  say(`building nats-server ${await pinnedVersion()} with Go (once, about a minute) ...`)
  await buildWithGo({ folder: FOLDER, package: MODULE, target, cache, cancelSignal })
}

export type GoBuild = {
  /** Where `go.mod` and `go.sum` fix every byte. */
  folder: string
  package: string
  target: string
  /** A folder for Go's own caches, used where the user has no home that can be written to. */
  cache: string
  cancelSignal?: AbortSignal | undefined
}

/**
 * Builds into `target`, which appears whole or not at all. About 40 s on two cores for the broker; some minutes when Go
 * has to fetch a newer Go first.
 * @throws QubusError `UNREACHABLE`, with the last lines that Go said.
 */
export async function buildWithGo(build: GoBuild): Promise<void> {
  const { folder, target, cache, cancelSignal } = build
  await mkdir(dirname(target), { recursive: true })
  const draft = `${target}.${process.pid}.draft`
  const args = ['build', '-trimpath', '-ldflags=-s -w', '-o', draft, build.package]
  const result = await execa('go', args, {
    cwd: folder,
    env: {
      CGO_ENABLED: '0',
      GOTOOLCHAIN: 'auto',
      GOFLAGS: '-mod=readonly -buildvcs=false',
      GOWORK: 'off',
      ...(await goFolders(cache)),
    },
    stdin: 'ignore',
    all: true,
    reject: false,
    ...(cancelSignal === undefined ? {} : { cancelSignal }),
  })
  if (result.failed) {
    await rm(draft, { force: true })
    const tail = (result.all ?? result.shortMessage ?? '').split('\n').slice(-12).join('\n')
    throw new QubusError('UNREACHABLE', `Go could not build ${build.package}:\n${tail}`, { cause: result })
  }
  await rename(draft, target)
}

// Go refuses to work without a home. Its default folders are shared with the user's other builds, so they come first.
async function goFolders(cache: string): Promise<Record<string, string>> {
  const { userHome } = readHost()
  const usable =
    userHome !== undefined &&
    (await access(userHome, constants.W_OK).then(
      () => true,
      () => false,
    ))
  if (usable) return {}
  return { GOPATH: join(cache, 'go'), GOCACHE: join(cache, 'go-build'), GOENV: 'off' }
}
