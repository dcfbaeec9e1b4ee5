import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { tempHome } from '../support/temp-home.ts'

const ROOT = join(import.meta.dirname, '../..')
const FIXTURES = join(import.meta.dirname, 'fixtures')
const BIOME = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome')

test('the linter reports every planted unawaited promise, and nothing else there', async () => {
  const found = await lintPlanted()
  const planted = plantedIn(readFileSync(join(FIXTURES, 'floating-promise.ts'), 'utf8'))
  assert.ok(planted.some((line) => line.endsWith('noFloatingPromises')))
  assert.ok(planted.some((line) => line.endsWith('noMisusedPromises')))
  assert.deepEqual(found, planted)
})

// In a folder of its own: the normal run leaves the planted file out, and the rules see types only inside a project.
async function lintPlanted(): Promise<string[]> {
  await using project = await tempHome()
  cpSync(FIXTURES, project.path, { recursive: true })
  cpSync(join(ROOT, 'biome.json'), join(project.path, 'biome.json'))
  writeFileSync(join(project.path, 'package.json'), '{"type":"module"}\n')
  const { stdout } = await execa(process.execPath, [BIOME, 'lint', '--reporter=github'], {
    cwd: project.path,
    reject: false,
  })
  return stdout
    .split('\n')
    .flatMap((line) => {
      const [, rule, at] = REPORTED.exec(line) ?? []
      return rule === undefined ? [] : [`${at}: ${rule}`]
    })
    .sort()
}

const REPORTED = /title=lint\/\w+\/(\w+),.*file=[^,]*floating-promise\.ts.*,line=(\d+)/

function plantedIn(source: string): string[] {
  return source
    .split('\n')
    .flatMap((line, i) => {
      const rule = /\/\/ PLANTED (\w+)/.exec(line)?.[1]
      return rule === undefined ? [] : [`${i + 1}: ${rule}`]
    })
    .sort()
}
