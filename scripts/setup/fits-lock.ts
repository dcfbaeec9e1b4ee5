/** Whether what is installed is what the lock file asks for: exit code 0 or 1. Then nothing need be installed again. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

type Packages = Record<string, { version?: string; optional?: boolean }>

/** Pure. Optional packages may be absent: they are of other platforms. */
export function fits(wanted: Packages, installed: Packages): boolean {
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    const there = installed[path]
    return path === '' || (there === undefined ? optional === true : there.version === version)
  })
}

function packagesOf(file: string): Packages {
  return JSON.parse(readFileSync(file, 'utf8')).packages
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '../..')
  const wanted = packagesOf(join(root, 'package-lock.json'))
  // npm's own account of what it put there.
  process.exitCode = fits(wanted, packagesOf(join(root, 'node_modules/.package-lock.json'))) ? 0 : 1
}
