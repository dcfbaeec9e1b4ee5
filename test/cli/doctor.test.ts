import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { findMount } from '../../scripts/cli/doctor/disk.ts'
import { listenersIn } from '../../scripts/cli/doctor/servers.ts'
import { tempHome } from '../support/temp-home.ts'
import { qubus } from './qubus.ts'

test('a folder belongs to the longest mount point above it, and the last one there', () => {
  const table =
    '/dev/a / ext4 rw 0 0\nfs:/x /home nfs4 rw 0 0\ntmp /home/me\\040too tmpfs rw 0 0\nb /home xfs rw 0 0\n'
  assert.deepEqual(findMount(table, '/var/lib'), { type: 'ext4', mountPoint: '/' })
  assert.deepEqual(findMount(table, '/home/me'), { type: 'xfs', mountPoint: '/home' })
  assert.deepEqual(findMount(table, '/home/me too/x'), { type: 'tmpfs', mountPoint: '/home/me too' })
  assert.deepEqual(findMount(table, '/homework'), { type: 'ext4', mountPoint: '/' })
})

test('a listener on all addresses is told from one on loopback', async () => {
  for (const [host, loopback] of [
    ['127.0.0.1', true],
    ['0.0.0.0', false],
  ] as const) {
    const server = createServer().listen(0, host)
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const found = listenersIn(readFileSync('/proc/net/tcp', 'utf8')).filter((each) => each.port === port)
    assert.deepEqual(found, [{ port, loopback }])
    server.close()
  }
})

test('doctor looks at a host without a system, a JSON line a check', async () => {
  await using home = await tempHome()
  const { lines, exitCode } = await qubus(['doctor', '--json'], { home: `${home.path}/not/there/yet` })
  const names = lines.map((line) => line['check'])
  for (const name of [
    'node',
    'file system',
    'fsync',
    'space',
    'inodes',
    'open files',
    'broker',
    'postgres',
    'ports',
  ])
    assert.ok(names.includes(name), `${name} is checked`)
  assert.ok(lines.every((line) => typeof line['ok'] === 'boolean' && typeof line['found'] === 'string'))
  assert.ok(lines.every((line) => line['ok'] === true || typeof line['advice'] === 'string'))
  assert.equal(exitCode, lines.every((line) => line['ok'] === true) ? 0 : 1)
})
