import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tempHome } from '../support/temp-home.ts'

const CLI = fileURLToPath(new URL('../../scripts/cli/main.ts', import.meta.url))

test('an author’s tests run anywhere on disk, with nothing installed beside them', async () => {
  await using folder = await tempHome()
  for (const [from, to] of [
    ['shop.ts', 'shop.ts'],
    ['shop-tests.ts', 'shop.test.ts'],
  ] as const)
    cpSync(new URL(from, import.meta.url), join(folder.path, to))
  // A test file that runs in another one's runner is not run by that.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', CLI, 'test', join(folder.path, 'shop.test.ts')],
    { env, encoding: 'utf8' },
  )
  assert.equal(status, 0, stdout)
  assert.match(stdout, /pass 16/)
})
