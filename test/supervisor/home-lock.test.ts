import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { lockHolder, takeLock } from '#infra/supervisor/home-lock.ts'
import { identityOf, type ProcessIdentity } from '#infra/supervisor/process-identity.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'

const MODULE = new URL('../../infra/supervisor/home-lock.ts', import.meta.url).href

test('one process has the lock; when it is gone the next one takes it', async () => {
  await using home = await tempHome()
  const path = join(home.path, 'lock')
  const code = `const { takeLock } = await import(${JSON.stringify(MODULE)}); takeLock(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000)`
  const holder = execa(process.execPath, ['--input-type=module', '--eval', code], { reject: false })
  await until('it holds the lock', () => lockHolder(path)?.pid === holder.pid)
  const refused = takeLock(path)
  assert.ok('heldBy' in refused && refused.heldBy.pid === holder.pid)
  holder.kill('SIGKILL')
  await holder
  const taken = takeLock(path)
  assert.ok('owner' in taken && taken.owner.pid === process.pid)
  taken[Symbol.dispose]()
  assert.deepEqual(readdirSync(home.path), [])
})

test('a pid that went to somebody else holds nothing, another host does', async () => {
  await using home = await tempHome()
  const path = join(home.path, 'lock')
  const mine = identityOf(process.pid) as ProcessIdentity
  for (const stale of [{ ...mine, start: '1' }, { ...mine, boot: 'before' }, 'rubbish']) {
    writeFileSync(path, JSON.stringify(stale))
    using lock = takeLock(path) as Disposable & { owner: ProcessIdentity }
    assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), lock.owner)
  }
  writeFileSync(path, JSON.stringify({ ...mine, host: 'elsewhere' }))
  assert.throws(() => takeLock(path), { code: 'BAD_ENVIRONMENT', message: /in use on host elsewhere/ })
})

test('of many that find a stale lock at once, exactly one gets it', async () => {
  await using home = await tempHome()
  const path = join(home.path, 'lock')
  writeFileSync(path, JSON.stringify({ ...identityOf(process.pid), start: '1' }))
  const code = `const { takeLock } = await import(${JSON.stringify(MODULE)}); console.log('owner' in takeLock(${JSON.stringify(path)}) ? 'mine' : 'taken'); setInterval(() => {}, 1000)`
  const said: string[] = []
  const all = Array.from({ length: 4 }, () => {
    const child = execa(process.execPath, ['--input-type=module', '--eval', code], { reject: false })
    child.stdout.on('data', (text: Buffer) => said.push(String(text).trim()))
    return child
  })
  try {
    await until('all have said', () => said.length === 4)
    assert.deepEqual(said.sort(), ['mine', 'taken', 'taken', 'taken'])
  } finally {
    for (const child of all) child.kill('SIGKILL')
    await Promise.all(all)
  }
})
