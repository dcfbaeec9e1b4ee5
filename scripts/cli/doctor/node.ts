/** The Node that runs this, and will run the actors. */
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
