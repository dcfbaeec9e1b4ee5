import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
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

test('of a lock on another host the signs of life say whether it is in use, and what to do', async () => {
  await using home = await tempHome()
  const path = join(home.path, 'lock')
  const other = { ...(identityOf(process.pid) as ProcessIdentity), host: 'elsewhere' }
  const refusal = (): { message: string; facts: Record<string, unknown> } => {
    for (const ask of [takeLock, lockHolder]) {
      try {
        ask(path)
        assert.fail('it was given away')
      } catch (error) {
        if (ask === lockHolder) return error as { message: string; facts: Record<string, unknown> }
        assert.equal((error as { code: string }).code, 'BAD_ENVIRONMENT')
      }
    }
    throw new Error('never')
  }
  // As it holds it there, and beats.
  const lock = takeLock(path) as Disposable & { owner: ProcessIdentity }
  writeFileSync(path, JSON.stringify(other))
  const used = refusal()
  assert.match(
    used.message,
    /in use on host elsewhere \(process \d+, last sign of life \d+ s ago\): run qubus down there/,
  )
  assert.ok(!used.message.includes('remove'), used.message)
  // Three hours without a sign.
  const before = new Date(Date.now() - 3 * 3600 * 1000)
  utimesSync(`${path}.alive`, before, before)
  const silent = refusal()
  assert.match(
    silent.message,
    /was last in use on host elsewhere \(process \d+, silent for 3 h\).*remove .*\/lock and try again/,
  )
  assert.ok(Number(silent.facts['silentSeconds']) >= 3 * 3600)
  // Whose lock it is no more does not take the other one's away.
  lock[Symbol.dispose]()
  assert.deepEqual(readdirSync(home.path).sort(), ['lock', 'lock.alive'])
  rmSync(`${path}.alive`)
  assert.match(refusal().message, /no sign of life since/)
  // What the message says to do works.
  rmSync(path)
  using mine = takeLock(path) as Disposable & { owner: ProcessIdentity }
  assert.equal(mine.owner.pid, process.pid)
})

test('the lock of a host that was started anew, or of a process that is gone, is taken over with its signs', async () => {
  await using home = await tempHome()
  const path = join(home.path, 'lock')
  const mine = identityOf(process.pid) as ProcessIdentity
  for (const gone of [
    { ...mine, boot: 'before' },
    { ...mine, pid: 2 ** 22 - 1 },
  ]) {
    writeFileSync(path, JSON.stringify(gone))
    writeFileSync(`${path}.alive`, '')
    const before = new Date(0)
    utimesSync(`${path}.alive`, before, before)
    const lock = takeLock(path) as Disposable & { owner: ProcessIdentity }
    assert.equal(lock.owner.pid, process.pid)
    assert.ok(statSync(`${path}.alive`).mtimeMs > Date.now() - 60_000)
    lock[Symbol.dispose]()
    assert.deepEqual(readdirSync(home.path), [])
  }
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
