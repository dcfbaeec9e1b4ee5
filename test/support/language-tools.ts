/** What other languages need to talk to the broker: made once, in the user's cache. */
import { constants } from 'node:fs'
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { buildWithGo, hasGo } from '#infra/broker/go-build.ts'
import { readEnvironment } from '#shared/config/environment.ts'

/** A program, or why there is none. */
export type Tool = { program: string } | { missing: string }

const PACKAGES = ['nats-py==2.16.0', 'msgpack==1.2.4']
const NATSCLI = { version: '0.5.0', package: 'github.com/nats-io/natscli/nats' }

/** A Python with {@link PACKAGES}, in a virtual environment of its own. */
export async function pythonWithNats(): Promise<Tool> {
  const { cache } = readEnvironment()
  const home = join(cache, 'test', `python-${PACKAGES.join('-').replaceAll('==', '-')}`)
  const program = join(home, 'bin', 'python')
  if (await isExecutable(program)) return { program }
  await mkdir(join(cache, 'test'), { recursive: true })
  // A virtual environment holds its own path: it is made in its place, and its program appears last.
  await rm(home, { recursive: true, force: true })
  const made = await execa('python3', ['-m', 'venv', home], { reject: false, all: true })
  if (made.failed) return { missing: `python3 -m venv does not work here: ${lastLine(made.all, made)}` }
  const hidden = join(home, 'bin', 'python-draft')
  await rename(program, hidden)
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES]
  const installed = await execa(hidden, args, { reject: false, all: true })
  if (installed.failed)
    return { missing: `pip can not install ${PACKAGES.join(', ')}: ${lastLine(installed.all, installed)}` }
  await rename(hidden, program)
  return { program }
}

/** The `nats` tool, built from its pinned module (`natscli/go.mod`): some minutes, once. */
export async function natsTool(): Promise<Tool> {
  const { cache } = readEnvironment()
  const target = join(cache, 'test', `nats-${NATSCLI.version}-${process.arch}`)
  if (await isExecutable(target)) return { program: target }
  if (!(await hasGo())) return { missing: 'there is no Go 1.21 or newer to build the nats tool with' }
  const folder = fileURLToPath(new URL('./natscli', import.meta.url))
  await buildWithGo({ folder, package: NATSCLI.package, target, cache })
  return { program: target }
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}

function lastLine(all: string | undefined, { message }: { message?: string }): string {
  return (all ?? '').trim().split('\n').at(-1) || (message ?? 'no reason given')
}
