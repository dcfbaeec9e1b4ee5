import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { tempHome } from '../support/temp-home.ts'

const ROOT = join(import.meta.dirname, '../..')
const PASSING = "import { test } from 'node:test'\ntest('passes', () => {})\n"

test('the runner is green when tests passed, and says what was skipped and why before the closing lines', async () => {
  const skipping =
    "import { test } from 'node:test'\ntest('left out', { skip: 'no such thing here' }, () => {})\n"
  const { exitCode, stdout } = await runTests({ 'a.test.ts': PASSING, 'b.test.ts': skipping })
  assert.equal(exitCode, 0, stdout)
  assert.match(stdout, /skipped: left out: no such thing here[\s\S]*tests 2[\s\S]*pass 1[\s\S]*skipped 1/)
})

test('the runner is red when a test fails, a file has none, all are skipped or a file does not load', async () => {
  const failing = "import { test } from 'node:test'\ntest('fails', () => { throw new Error('no') })\n"
  const skipping = "import { test } from 'node:test'\ntest.skip('a', () => {})\n"
  const cases: [files: Record<string, string>, says: RegExp][] = [
    [{ 'a.test.ts': failing }, /fail 1/],
    [{ 'a.test.ts': PASSING, 'b.test.ts': 'export {}\n' }, /no tests in test\/b\.test\.ts/],
    [{ 'a.test.ts': skipping }, /no test was executed/],
    [{ 'a.test.ts': "import './missing.ts'\n" }, /fail 1/],
    [{}, /no tests: test\/ has no/],
  ]
  for (const [files, says] of cases) {
    const { exitCode, stdout, stderr } = await runTests(files)
    assert.equal(exitCode, 1, stdout)
    assert.match(stdout + stderr, says)
  }
})

async function runTests(files: Record<string, string>) {
  await using project = await tempHome()
  mkdirSync(join(project.path, 'scripts/setup'), { recursive: true })
  mkdirSync(join(project.path, 'test'))
  writeFileSync(join(project.path, 'package.json'), '{"type":"module"}\n')
  symlinkSync(join(ROOT, 'node_modules'), join(project.path, 'node_modules'))
  writeFileSync(join(project.path, 'scripts/setup/run-tests.ts'), await runner())
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project.path, 'test', name), text)
  // A run inside a run: the outer one's marks must not reach it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return await execa(process.execPath, ['scripts/setup/run-tests.ts'], {
    cwd: project.path,
    env,
    extendEnv: false,
    reject: false,
  })
}

async function runner(): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  return readFile(join(ROOT, 'scripts/setup/run-tests.ts'), 'utf8')
}
