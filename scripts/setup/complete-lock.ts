/**
 * Adds to package-lock.json the optional packages of other platforms that npm left out, which it does where the
 * registry at hand does not serve them: `npm ci` refuses a lock file without them, although it never fetches them
 * on this platform. Also removes the addresses that packages came from, so that any registry or mirror serves; the
 * checksums stay. Run after every change of packages: `npm run lock`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type Entry = {
  version?: string
  resolved?: string
  dev?: boolean
  optional?: boolean
  optionalDependencies?: Record<string, string>
  os?: string[]
  cpu?: string[]
  libc?: string[]
}
type Lock = { packages: Record<string, Entry> }

/** Entries for what `lock` says may be there and does not hold; pure. */
export function missingEntries({ packages }: Lock): Record<string, Entry> {
  const missing: Record<string, Entry> = {}
  for (const [path, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, range] of Object.entries(optionalDependencies)) {
      const places = [`${path}/node_modules/${name}`, `node_modules/${name}`]
      if (places.some((place) => place in packages)) continue
      missing[`node_modules/${name}`] = {
        version: range.replace(/^[\^~=v]+/, ''),
        ...platformOf(name),
        ...(dev ? { dev } : {}),
        optional: true,
      }
    }
  }
  return missing
}

const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
]
const CPUS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64', 'wasm32']

// Platform packages carry their platform in their name. Without one npm would try to install the package here.
function platformOf(name: string): Pick<Entry, 'os' | 'cpu' | 'libc'> {
  const words = name.replace('windows', 'win32').split(/[-/]/)
  const os = words.filter((word) => SYSTEMS.includes(word))
  const cpu = words.filter((word) => CPUS.includes(word))
  if (os.length + cpu.length === 0)
    throw new Error(`${name}: for which platform is it? Its name does not say`)
  const libc = name.includes('musl') ? ['musl'] : name.includes('gnu') ? ['glibc'] : []
  return { ...(cpu.length ? { cpu } : {}), ...(os.length ? { os } : {}), ...(libc.length ? { libc } : {}) }
}

function complete(file: string): void {
  const lock = JSON.parse(readFileSync(file, 'utf8')) as Lock
  const missing = missingEntries(lock)
  const packages = { ...lock.packages, ...missing }
  for (const entry of Object.values(packages)) delete entry.resolved
  // The order npm writes them in.
  const order = Object.keys(packages).sort((a, b) => a.localeCompare(b, 'en'))
  const sorted = Object.fromEntries(order.map((key) => [key, packages[key]]))
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`)
  process.stderr.write(`added ${Object.keys(missing).length} packages of other platforms to ${file}\n`)
}

if (import.meta.main) complete(process.argv[2] ?? join(import.meta.dirname, '../../package-lock.json'))
