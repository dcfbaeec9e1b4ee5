/** What this process, and those that it starts, are given. */
import { readFile } from 'node:fs/promises'
import type { Finding } from './checks.ts'

const NODE_MAJOR = 24

export async function checkNode(): Promise<Finding> {
  const { version, arch, execPath } = process
  const ok = Number(process.versions.node.split('.')[0]) >= NODE_MAJOR
  const found = `${version} ${arch} (${execPath})`
  return ok
    ? { ok, found }
    : {
        ok,
        found,
        advice: `Node ${NODE_MAJOR} or newer is needed: start it by scripts/qubus, which brings its own`,
      }
}

/** A coordinator with its threads, the broker with its clients and files: a few hundred each. */
const LEAST_FILES = 4096

export async function checkOpenFiles(): Promise<Finding> {
  const limits = await readFile('/proc/self/limits', 'utf8')
  const [, soft = '', hard = ''] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? []
  const ok = soft === 'unlimited' || Number(soft) >= LEAST_FILES
  const found = `${soft} (at most ${hard})`
  return ok ? { ok, found } : { ok, found, advice: `raise it before qubus up: ulimit -n ${LEAST_FILES}` }
}
