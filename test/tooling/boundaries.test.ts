import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')

type Import = { file: string; specifier: string }

test('a service imports neither another service nor anything by a path that leaves its folder', () => {
  const all = importsUnder('services')
  assert.ok(all.length > 20, `only ${all.length} imports were found: the check sees nothing`)
  assert.deepEqual(all.filter(leavesItsService), [])
})

test('what is shared imports nothing from services, and the contract only zod', () => {
  const all = importsUnder('shared')
  assert.ok(all.length > 20, `only ${all.length} imports were found: the check sees nothing`)
  assert.deepEqual(
    all.filter(({ file, specifier }) => targetOf(file, specifier).startsWith('services/')),
    [],
  )
  const contract = all.filter(({ file }) => file.startsWith('shared/contract/'))
  assert.ok(contract.length > 5)
  assert.deepEqual(
    contract.filter(({ specifier }) => !specifier.startsWith('./') && specifier !== 'zod'),
    [],
  )
})

test('the check sees static, type-only, side-effect, dynamic and re-exporting imports', () => {
  const planted = `
    import type { A } from '../worker/a.ts'
    import '#services/b.ts'
    export * from '../../services/worker/c.ts'
    import {
      d,
    } from '#shared/d.ts'
    const e = await import('./e.ts')
    worker = new URL('../worker/f-thread.ts', import.meta.url)`
  const found = importsIn('services/vqpu/x.ts', planted)
  assert.deepEqual(
    found.map(({ specifier }) => specifier),
    [
      '../worker/a.ts',
      '#services/b.ts',
      '../../services/worker/c.ts',
      '#shared/d.ts',
      './e.ts',
      '../worker/f-thread.ts',
    ],
  )
  assert.deepEqual(found.map(leavesItsService), [true, true, true, false, false, true])
})

function importsUnder(folder: string): Import[] {
  return globSync(`${folder}/**/*.ts`, { cwd: ROOT }).flatMap((file) =>
    importsIn(file, readFileSync(join(ROOT, file), 'utf8')),
  )
}

const IMPORTS = [
  /^\s*(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]/gm,
  /^\s*import\s*['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]/g,
  /new URL\(\s*['"]([^'"]+)['"]\s*,\s*import\.meta\.url/g,
]

function importsIn(file: string, source: string): Import[] {
  return IMPORTS.flatMap((pattern) =>
    [...source.matchAll(pattern)].map((match) => ({ at: match.index, specifier: match[1] ?? '' })),
  )
    .sort((a, b) => a.at - b.at)
    .map(({ specifier }) => ({ file, specifier }))
}

function leavesItsService({ file, specifier }: Import): boolean {
  const own = file.split('/').slice(0, 2).join('/')
  const target = targetOf(file, specifier)
  if (specifier.startsWith('.')) return !target.startsWith(`${own}/`)
  return target.startsWith('services/')
}

/** The path from the root that a specifier means; a package's name stays as it is. */
function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith('#')) return specifier.slice(1)
  return specifier.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), specifier)) : specifier
}
