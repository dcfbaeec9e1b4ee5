import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { tempHome } from '../support/temp-home.ts'

const ENSURE = join(import.meta.dirname, '../../scripts/setup/ensure.sh')
const PRINT = 'set -euo pipefail; source "$1"; printf "%s\\n" "$QUBUS_NODE" "$QUBUS_CACHE"'

function ensure(variables: Record<string, string | undefined> = {}) {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME,
    ...variables,
  }
  return execa('bash', ['-c', PRINT, 'ensure', ENSURE], { env, extendEnv: false })
}

test('set-up that has nothing to do says nothing and names the pinned Node', async () => {
  await ensure()
  const { stdout, stderr } = await ensure()
  assert.equal(stderr, '')
  assert.equal(stdout.split('\n')[0], process.execPath)
})

test('two set-ups at once both succeed', async () => {
  const both = await Promise.all([ensure(), ensure()])
  assert.ok(both.every(({ exitCode }) => exitCode === 0))
})

test('set-up does without a home, and without one that can be written to', async () => {
  await using home = await tempHome()
  const noHome = await ensure({ HOME: undefined, XDG_CACHE_HOME: undefined, QUBUS_SKIP_BROKER: '1' })
  assert.match(noHome.stdout, /\/\.cache$/)
  // /proc takes no folders from anybody, root included.
  const readOnly = await ensure({ HOME: '/proc', XDG_CACHE_HOME: undefined, QUBUS_SKIP_BROKER: '1' })
  assert.match(readOnly.stdout, /\/\.cache$/)
  const given = await ensure({ HOME: home.path, XDG_CACHE_HOME: undefined, QUBUS_SKIP_BROKER: '1' })
  assert.equal(given.stdout.split('\n')[1], join(home.path, '.cache/qubus'))
})
