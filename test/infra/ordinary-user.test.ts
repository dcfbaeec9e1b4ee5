import assert from 'node:assert/strict'
import { accessSync, chownSync, constants, copyFileSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { brokerBinary } from '../support/broker-binary.ts'
import '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'

const PROGRAM = join(import.meta.dirname, 'start-servers.ts')
const NOBODY = 65534

test('broker and PostgreSQL start for an ordinary user with an empty home', { skip: whyNot() }, async () => {
  await using home = await tempHome()
  const programs = join(home.path, 'bin')
  const empty = join(home.path, 'home')
  for (const folder of [programs, empty]) mkdirSync(folder)
  chownSync(home.path, NOBODY, NOBODY)
  chownSync(empty, NOBODY, NOBODY)
  // On PATH, since root's cache is closed to others.
  copyFileSync(await brokerBinary(), join(programs, 'nats-server'))
  const { stdout } = await execa(process.execPath, [PROGRAM], {
    cwd: '/',
    uid: NOBODY,
    gid: NOBODY,
    env: { HOME: empty, PATH: `${programs}:/usr/bin:/bin` },
    extendEnv: false,
  })
  const facts = JSON.parse(stdout)
  assert.deepEqual({ broker: facts.broker, postgres: facts.postgres }, { broker: NOBODY, postgres: NOBODY })
  assert.equal(facts.answer, 1)
  assert.deepEqual(readdirSync(empty).sort(), ['.cache', '.local'])
  assert.equal(statSync(join(empty, '.local/state/qubus')).mode & 0o777, 0o700)
})

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'only root can become another user; the other tests ran as one'
  for (let folder = PROGRAM; folder !== '/'; folder = join(folder, '..')) {
    if ((statSync(folder).mode & 0o005) === 0) return `others can't read ${folder}`
  }
  accessSync(process.execPath, constants.X_OK)
  return false
}
