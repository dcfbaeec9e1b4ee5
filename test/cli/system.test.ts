/** The verbs against a whole system, as a person would use them. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { CloudEvent } from '#shared/contract/event.ts'
import { type TempHome, tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { codeOf, qubus, type Said, start } from './qubus.ts'

const FLOWS = `import { artifact, flow, log, program, sleep, task } from 'qubus'
import { z } from 'zod'
const square = task('square', async (x: number) => x * x)
export default flow('squares', { input: z.object({ n: z.number().int() }), runName: 'squares-{n}' }, async ({ n }) => {
  log.info('begins', { n })
  const all = await square.map(Array.from({ length: n }, (_, i) => i))
  return { all, big: 10n, when: new Date(0), bytes: new Uint8Array([1, 2, 3]) }
})
export const fails = flow('fails', async () => { throw new Error('as asked') })
export const waits = flow('waits', async () => { await sleep(600); return 'late' })
`
const ERRORS = `import { flow, task } from 'qubus'
class TooBig extends Error {
  code = 'E_BIG'
  size = 10n
}
const grow = task('grow', () => { throw new TooBig('it grew', { cause: new RangeError('no room') }) })
export default flow('grows', async () => await grow.run())
`
const BELL =
  'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n'

describe('a system that is up', { timeout: 300_000 }, () => {
  let folder: TempHome
  let home: string
  const ask = (...args: string[]): Promise<Said> => qubus(args, { home, cwd: folder.path })

  before(async () => {
    folder = await tempHome()
    home = join(folder.path, 'home')
    await writeFile(join(folder.path, 'flows.ts'), FLOWS)
    await writeFile(join(folder.path, 'errors.ts'), ERRORS)
    await writeFile(join(folder.path, 'bell.qasm'), BELL)
    await writeFile(join(folder.path, 'bad.qasm'), `${BELL}nogate q[0];\n`)
    const { exitCode, stderr } = await qubus(['up', '--detach'], { home })
    assert.equal(exitCode, 0, stderr)
  })
  after(async () => {
    await qubus(['down'], { home })
    await folder[Symbol.asyncDispose]()
  })

  test('run sends a flow file, follows it and prints the result in its JSON form', async () => {
    const { exitCode, lines, stderr } = await ask('run', 'flows.ts', '-p', 'n=4', '--json')
    assert.equal(exitCode, 0, stderr)
    const { run, seconds, ...last } = lines.at(-1) as Record<string, unknown>
    assert.deepEqual(last, {
      flow: 'squares',
      state: 'completed',
      result: { all: [0, 1, 4, 9], big: '10', when: '1970-01-01T00:00:00.000Z', bytes: 'AQID' },
    })
    assert.ok(typeof seconds === 'number' && typeof run === 'string')
    assert.match(stderr, /flow +info +begins \{"n":4\}/)
  })

  test('for people, the result alone is on stdout', async () => {
    const { exitCode, stdout, stderr } = await ask('run', 'flows.ts', '-p', 'n=0')
    assert.equal(exitCode, 0)
    assert.deepEqual((JSON.parse(stdout) as { all: unknown }).all, [])
    assert.match(stderr, /completed in .*, 0 steps/)
  })

  test('a run that fails ends the command with 1 and names the error', async () => {
    const { exitCode, lines, stderr } = await ask('run', 'flows.ts#fails', '--json')
    assert.equal(exitCode, 1, stderr)
    const { state, error } = lines.at(-1) as { state: string; error: object }
    assert.deepEqual([state, error], ['failed', { code: 'FLOW_FAILED', message: 'as asked' }])
  })

  test("what an author's error carries is shown by run, show and result", async () => {
    const { stderr } = await ask('run', 'errors.ts', '--id', 'grew')
    assert.match(
      stderr,
      /failed after .*\nTASK_FAILED: TooBig: it grew\n {2}with \{"code":"E_BIG","size":"10"\}\n +at .*errors\.ts:6:\d+.*\n {2}because: RangeError: no room\n/,
    )
    const error = {
      code: 'TASK_FAILED',
      message: 'it grew',
      name: 'TooBig',
      properties: { code: 'E_BIG', size: '10' },
      cause: { code: 'TASK_FAILED', message: 'no room', name: 'RangeError' },
    }
    await until(
      'it is stored',
      async () => (await ask('runs', '--flow', 'grows', '--json')).lines[0]?.['error'],
    )
    const [shown] = (await ask('show', 'grew', '--json')).lines as [
      { error: unknown; steps: { error: unknown }[] },
    ]
    assert.deepEqual([shown.error, shown.steps[0]?.error], [error, error])
    assert.deepEqual((await ask('result', 'grew', '--json')).lines[0]?.['error'], error)
    assert.match(
      (await ask('show', 'grew')).stdout,
      /TASK_FAILED: TooBig: it grew\n {2}with \{"code":"E_BIG","size":"10"\}\n {2}because: RangeError: no room\n/,
    )
  })

  test('runs finds runs by tag, user and project, of a while ago or not', async () => {
    const about = ['--tag', 'blue', '--user', 'ada', '--project', 'skies', '--id', 'found']
    await ask('run', 'flows.ts', '-p', 'n=0', ...about)
    await until('it is stored', async () => (await ask('runs', '--tag', 'blue', '--json')).lines.length === 1)
    const found = async (...by: string[]) => (await ask('runs', ...by, '--json')).lines.map(({ run }) => run)
    assert.deepEqual(await found('--user', 'ada', '--project', 'skies', '--since', '1h'), ['found'])
    assert.deepEqual(await found('--user', 'bob'), [])
    assert.deepEqual(await found('--schedule', 'daily'), [])
  })

  test('a built-in flow that does not exist is bad input', async () => {
    const { exitCode, lines } = await ask('run', 'nosuch', '--json')
    assert.equal(exitCode, 2)
    assert.equal(codeOf(lines.at(-1)), 'UNKNOWN_FLOW')
  })

  test('a published flow is listed and runs by its name, from anywhere', async () => {
    const published = await ask('publish', 'flows.ts', '--json')
    assert.equal(published.exitCode, 0, published.stderr)
    assert.deepEqual(
      published.lines.map(({ flow, change, file }) => [flow, change, file]),
      [
        ['squares', 'new', 'flows.ts'],
        ['fails', 'new', 'flows.ts'],
        ['waits', 'new', 'flows.ts'],
      ],
    )
    assert.match((await ask('publish', 'flows.ts')).stdout, /^squares [0-9a-f]{12} unchanged \(/)
    const listed = (await ask('flows', '--json')).lines.find(({ flow }) => flow === 'squares')
    assert.deepEqual(
      [
        listed?.['version'],
        listed?.['file'],
        (listed?.['input'] as { required: string[] } | undefined)?.required,
      ],
      [published.lines[0]?.['version'], join(folder.path, 'flows.ts'), ['n']],
    )
    assert.match((await ask('flows')).stdout, /squares +[0-9a-f]{12} +\{ n: integer \}/)
    const ran = await qubus(['run', 'squares', '-p', 'n=2', '--json'], { home, cwd: '/' })
    assert.equal(ran.exitCode, 0, ran.stderr)
    assert.deepEqual((ran.lines.at(-1)?.['result'] as { all: number[] } | undefined)?.all, [0, 1])
    const wrong = await ask('run', 'squares', '-p', 'n=many', '--json')
    assert.deepEqual([wrong.exitCode, codeOf(wrong.lines.at(-1))], [2, 'INVALID_INPUT'])
    assert.equal((await ask('unpublish', 'fails', 'waits')).exitCode, 0)
    assert.equal((await ask('unpublish', 'waits')).exitCode, 1)
  })

  test('--detach returns at once; show, result, logs and events tell the rest', async () => {
    const { stdout } = await ask(
      'run',
      'flows.ts',
      '--params',
      '{"n": 2}',
      '--detach',
      '--run',
      'told',
      '--project',
      'demo',
    )
    assert.equal(stdout, 'told')
    const result = await ask('result', 'told', '--json')
    assert.equal(result.exitCode, 0)
    assert.equal(result.lines[0]?.['state'], 'completed')
    const view = await until('both steps are stored', async () => {
      const found = (await ask('show', 'told', '--json')).lines[0] as {
        name: string
        state: string
        steps: Array<Record<string, unknown>>
      }
      return found.steps.length === 2 && found
    })
    assert.deepEqual([view.name, view.state], ['squares-2', 'completed'])
    assert.deepEqual(
      view.steps.map(({ step, name, kind, pool, state, attempts }) => [
        step,
        name,
        kind,
        pool,
        state,
        attempts,
      ]),
      [
        [1, 'square', 'task', 'generic', 'completed', 1],
        [2, 'square', 'task', 'generic', 'completed', 1],
      ],
    )
    assert.match((await ask('logs', 'told')).stdout, /begins \{"n":2\}/)
    const events = (await ask('events', '--run', 'told', '--json')).lines as CloudEvent[]
    const types = events.map((event) => event.type)
    for (const type of ['qubus.run.started', 'qubus.step.completed', 'qubus.run.completed'])
      assert.ok(types.includes(type), type)
    assert.ok(events.every((event) => event['run'] === 'told' && event.specversion === '1.0'))
    const listed = await ask('runs', '--project', 'demo', '--json')
    assert.deepEqual(
      listed.lines.map((line) => line['run']),
      ['told'],
    )
  })

  test('asking twice under one id is one run, and other parameters are a conflict', async () => {
    const first = await ask('run', 'flows.ts', '-p', 'n=1', '--run', 'twice', '--json')
    const again = await ask('run', 'flows.ts', '-p', 'n=1', '--run', 'twice', '--json')
    assert.deepEqual(again.lines.at(-1), first.lines.at(-1))
    const other = await ask('run', 'flows.ts', '-p', 'n=2', '--run', 'twice', '--json')
    assert.equal(other.exitCode, 2)
    assert.equal(codeOf(other.lines.at(-1)), 'REQUEST_CONFLICT')
  })

  test('Ctrl-C leaves the run going and says how to end it; cancel ends it', async () => {
    const following = start(['run', 'flows.ts#waits', '--run', 'left'], { home, cwd: folder.path })
    await until(
      'it runs',
      async () =>
        ((await ask('show', 'left', '--json')).lines[0] as { steps?: unknown[] } | undefined)?.steps
          ?.length === 1,
    )
    following.kill('SIGINT')
    const { exitCode, stderr } = await following
    assert.equal(exitCode, 130)
    assert.match(stderr, /the run left goes on: .*qubus cancel left ends it/)
    const live = (await ask('show', 'left', '--json')).lines[0] as {
      state: string
      steps: Array<{ kind: string }>
    }
    assert.deepEqual([live.state, live.steps[0]?.kind], ['running', 'sleep'])
    assert.equal((await ask('cancel', 'left', '--reason', 'enough')).exitCode, 0)
    const ended = await ask('result', 'left', '--json')
    assert.deepEqual([ended.exitCode, ended.lines[0]?.['state']], [1, 'cancelled'])
    assert.equal((await ask('cancel', 'left')).exitCode, 0)
    assert.equal((await ask('cancel', 'nobody')).exitCode, 2)
  })

  test('circuits run on a vQPU of the pool: the same seed, the same counts, one line a file in order', async () => {
    const { exitCode, lines } = await ask(
      'circuit',
      'run',
      'bell.qasm',
      'bad.qasm',
      'bell.qasm',
      '--seed',
      '7',
      '--shots',
      '200',
      '--json',
    )
    assert.equal(exitCode, 1)
    assert.deepEqual(
      lines.map((line) => [line['file'], line['state']]),
      [
        ['bell.qasm', 'completed'],
        ['bad.qasm', 'failed'],
        ['bell.qasm', 'completed'],
      ],
    )
    assert.deepEqual(lines[0]?.['counts'], lines[2]?.['counts'])
    assert.deepEqual(Object.keys(lines[0]?.['counts'] as object).sort(), ['00', '11'])
    assert.deepEqual([lines[0]?.['shots'], lines[0]?.['method']], [200, 'statevector'])
    assert.equal((lines[1]?.['error'] as { line: number } | undefined)?.line, 8)
    assert.match(
      (await ask('circuit', 'run', 'bell.qasm')).stdout,
      /bell\.qasm: 1000 shots on .*\n00 │█+.*\n11 │█+/,
    )
  })

  test('a shared vQPU is launched, listed, used by name, drained and gone', async () => {
    const launched = await ask('vqpu', 'launch', 'mine', '--walltime', '10m', '--json')
    assert.equal(launched.exitCode, 0, launched.stderr)
    assert.ok(
      (await ask('vqpu', 'list', '--json')).lines.some(
        (line) => line['id'] === 'vqpu-mine' && line['state'] === 'ready',
      ),
    )
    const { lines } = await ask('circuit', 'run', 'bell.qasm', '--device', 'vqpu-mine', '--json')
    assert.equal(lines[0]?.['device'], 'vqpu-mine')
    assert.equal((await ask('vqpu', 'drain', 'vqpu-mine')).exitCode, 0)
    await until(
      'it is gone',
      async () =>
        !(await ask('devices', '--json')).lines.some(
          (line) => line['id'] === 'vqpu-mine' && line['state'] === 'ready',
        ),
    )
    assert.equal((await ask('vqpu', 'drain', 'vqpu-none')).exitCode, 2)
  })

  test('status names every actor with its process', async () => {
    const { lines } = await ask('status', '--json')
    const { actors, queues } = lines[0] as {
      actors: Array<Record<string, unknown>>
      queues: Record<string, unknown>
    }
    assert.deepEqual(
      new Set(actors.map((actor) => actor['name'])).isSupersetOf(
        new Set(['allocator', 'coordinator', 'results', 'submitter', 'worker']),
      ),
      true,
    )
    assert.ok(actors.every((actor) => typeof actor['pid'] === 'number' && typeof actor['host'] === 'string'))
    assert.ok('flows' in queues)
  })

  test('events --follow prints what happens while it watches', async () => {
    const watching = start(['events', '--follow', '--json'], { home })
    let said = ''
    watching.stdout.on('data', (text: Buffer) => {
      said += String(text)
    })
    await until('a run is seen from its start to its end', async () => {
      await ask('run', 'flows.ts', '-p', 'n=1')
      return (
        said.includes('qubus.run.started') &&
        said.includes('qubus.step.completed') &&
        said.includes('qubus.run.completed')
      )
    })
    watching.kill('SIGINT')
    assert.equal((await watching).exitCode, 0)
  })

  test('one more actor runs in the foreground and ends in an orderly way', async () => {
    const running = start(['actor', 'submitter'], { home })
    await until('two submitters are ready', async () => {
      const actors = ((await ask('status', '--json')).lines[0]?.['actors'] ?? []) as Array<{
        name: string
        state: string
      }>
      return actors.filter(({ name, state }) => name === 'submitter' && state === 'ready').length === 2
    })
    running.kill('SIGTERM')
    assert.equal((await running).exitCode, 0)
  })

  test('doctor finds broker and Postgres answering on loopback', async () => {
    const { lines } = await ask('doctor', '--json')
    for (const name of ['broker', 'postgres', 'ports'])
      assert.equal(lines.find((line) => line['check'] === name)?.['ok'], true, name)
    assert.match(
      String(lines.find((line) => line['check'] === 'ports')?.['found']),
      /^loopback:\d+, loopback:\d+$/,
    )
  })
})
