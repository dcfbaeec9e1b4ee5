/** The short form of `scripts/chaos`: three rounds, with faults of every kind that can be made here. QUBUS_TEST_SEED repeats one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

const CHAOS = fileURLToPath(new URL('../../scripts/chaos-run/main.ts', import.meta.url))
const ROUNDS = 3
const seed = process.env['QUBUS_TEST_SEED'] ?? String(Math.floor(Math.random() * 1e6))

test(`whatever happens to its parts, a system ends every run exactly and leaves nothing behind (seed ${seed})`, async () => {
  const args = [CHAOS, '--rounds', String(ROUNDS), '--restart-every', '2', '--seed', seed, '--json']
  const { exitCode, stdout, stderr } = await execa(process.execPath, args, { stdin: 'ignore', reject: false })
  assert.equal(exitCode, 0, `${stdout}\n${stderr}`)
  const lines = stdout.split('\n').map((line) => JSON.parse(line))
  const { summary } = lines.at(-1)
  assert.equal(lines.length, ROUNDS + 1)
  assert.deepEqual([summary.rounds, summary.violated], [ROUNDS, 0])
  assert.ok(summary.runs >= ROUNDS * 8 && summary.steps > 100, stdout)
  assert.ok(
    lines.slice(0, ROUNDS).some(({ faults }) => faults.length > 0),
    'nothing happened to anybody',
  )
})
