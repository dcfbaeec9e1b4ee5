/** Brings Slurm onto a Debian or Ubuntu host by apt: only as root, and only where it is missing. */
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { execa } from 'execa'
import { findPrograms, type SlurmPrograms } from './programs.ts'

/** What a lab needs, or why it can't be had here. */
export type Installed = { programs: SlurmPrograms } | { missing: string }

const PACKAGES = ['slurmctld', 'slurmd', 'slurm-client', 'munge']
const LOCK = '/run/qubus-slurm-packages.lock'
// One that is lost does not hold up for minutes what can be done without Slurm.
const NETWORK = [
  '-o',
  'Acquire::Retries=1',
  '-o',
  'Acquire::http::Timeout=15',
  '-o',
  'Acquire::https::Timeout=15',
]
// Somebody else may be installing something.
const PATIENCE = ['-o', 'DPkg::Lock::Timeout=300']

/** @param say is told when something is installed, and how long it took. */
export async function installPackages(say: (line: string) => void): Promise<Installed> {
  if (process.getuid?.() !== 0) return { missing: 'a Slurm of several nodes needs root, which we are not' }
  const before = await findPrograms()
  if ('programs' in before) return before
  const needed = `${before.missing.join(', ')} not found`
  if ((await apt('--version')).failed)
    return { missing: `${needed}, and there is no apt-get to install it with` }
  await using _lock = await holdLock()
  const meanwhile = await findPrograms()
  if ('programs' in meanwhile) return meanwhile
  say(`installing ${PACKAGES.join(', ')} (once) ...`)
  const began = performance.now()
  const problem = await install()
  const after = await findPrograms()
  if ('missing' in after) return { missing: `${after.missing.join(', ')} could not be installed: ${problem}` }
  say(`installed in ${((performance.now() - began) / 1000).toFixed(1)} s`)
  return after
}

async function install(): Promise<string> {
  await using _quiet = await noServiceStarts()
  // What a killed installation left half done stops every later one.
  await execa('dpkg', ['--configure', '-a'], { ...QUIET, env: UNATTENDED })
  const args = [...NETWORK, ...PATIENCE, 'install', '--yes', '--no-install-recommends', ...PACKAGES]
  const first = await apt(...args)
  if (!first.failed) return 'apt-get says that it is'
  // Lists that are missing, or of a time when the mirror had other versions.
  await apt(...NETWORK, ...PATIENCE, 'update')
  const second = await apt(...args)
  return second.failed ? lastLine(second) : 'apt-get says that it is'
}

const QUIET = { stdin: 'ignore', all: true, reject: false } as const
const UNATTENDED = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l', LC_ALL: 'C' }

function apt(...args: string[]) {
  return execa('apt-get', args, { ...QUIET, env: UNATTENDED })
}

function lastLine({ all, message }: { all?: string; message?: string }): string {
  const lines = (all ?? '').trim().split('\n')
  return lines.findLast((line) => line.startsWith('E:')) ?? lines.at(-1) ?? message ?? 'no reason given'
}

/** Only one process of this host at a time comes past it; the kernel opens it again when its holder is gone. */
async function holdLock(): Promise<AsyncDisposable> {
  const holder = execa('flock', [LOCK, 'sh', '-c', 'echo held && exec cat'], { stdin: 'pipe', reject: false })
  await Promise.race([once(holder.stdout, 'data'), holder])
  return {
    async [Symbol.asyncDispose]() {
      holder.stdin.end()
      await holder
    },
  }
}

const POLICY = '/usr/sbin/policy-rc.d'
const OURS =
  '#!/bin/sh\n# Of the Slurm lab of Qubus, while it installs packages: they start no service.\nexit 101\n'

/** Debian's scripts ask this file before they start a service. One that the host has itself is left as it is. */
async function noServiceStarts(): Promise<AsyncDisposable> {
  await writeFile(POLICY, OURS, { mode: 0o755, flag: 'wx' }).catch(() => {})
  return {
    async [Symbol.asyncDispose]() {
      const found = await readFile(POLICY, 'utf8').catch(() => '')
      if (found === OURS) await rm(POLICY, { force: true })
    },
  }
}
