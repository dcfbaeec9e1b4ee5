/** A real Slurm of its own, or the reason why a test has to skip. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'node:test'
import { type Installed, installPackages } from '#infra/slurm-lab/install-packages.ts'
import { type Lab, startLab } from '#infra/slurm-lab/lab.ts'
import { atEndOfFile } from './leaks.ts'

export type TestSlurm = AsyncDisposable & (Lab | { missing: string })

let installed: Promise<Installed> | undefined
const open = new Set<Lab>()

/**
 * Six nodes of its own, gone with all jobs afterwards. Packages are installed first where they are missing and we are
 * root. Tests do so when `QUBUS_TEST_SLURM` asks for it: `try`, or `require`, which makes a failure of what would be a
 * skip. Not by default until the Slurm issue is whole.
 *
 *     await using slurm = await withSlurm()
 *     if ('missing' in slurm) return t.skip(slurm.missing)
 */
export async function withSlurm(): Promise<TestSlurm> {
  const packages = await packagesOrReason()
  if ('missing' in packages) return { ...packages, async [Symbol.asyncDispose]() {} }
  const root = await mkdtemp(join(tmpdir(), 'qubus-slurm-'))
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true, maxRetries: 5 })
  const lab = await startLab({ root, packages: packages.programs }).catch(async (error: unknown) => {
    await remove()
    throw error
  })
  open.add(lab)
  return {
    ...lab,
    async [Symbol.asyncDispose]() {
      await lab.stop()
      open.delete(lab)
      await remove()
    },
  }
}

/** One Slurm for all tests of a file; it ends with the file. */
export async function slurmForThisFile(): Promise<TestSlurm> {
  const slurm = await withSlurm()
  atEndOfFile(() => slurm[Symbol.asyncDispose]())
  return slurm
}

async function packagesOrReason(): Promise<Installed> {
  const wish = process.env['QUBUS_TEST_SLURM'] ?? ''
  if (!['', 'try', 'require', 'off'].includes(wish))
    throw new Error(`QUBUS_TEST_SLURM: write "try", "require", "off" or nothing, not "${wish}"`)
  if (wish === '') return { missing: 'a real Slurm was not asked for: QUBUS_TEST_SLURM=try' }
  if (wish === 'off') return { missing: 'QUBUS_TEST_SLURM=off' }
  installed ??= installPackages((line) => process.stderr.write(`slurm: ${line}\n`))
  const found = await installed
  if (wish === 'require' && 'missing' in found) throw new Error(`QUBUS_TEST_SLURM=require: ${found.missing}`)
  return found
}

// Jobs are no children of ours: what ends a test run that was stopped would not find them.
process.once('exit', () => {
  for (const lab of open) lab.stopNow()
})

const LOG_TAIL = 3_000

// What Slurm said is worth showing beside a failure, and nothing otherwise.
afterEach(async (context) => {
  if (!('passed' in context) || context.passed) return
  for (const { folder } of open) {
    const text = await readFile(folder.log('slurmctld'), 'utf8').catch(() => '')
    console.error(`--- slurmctld of ${folder.root}\n${text.slice(-LOG_TAIL)}`)
  }
})
