/** Bad input on every verb: said before any work, with exit code 2; a system that is not there: 3. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempHome } from '../support/temp-home.ts'
import { codeOf, qubus, start } from './qubus.ts'

const FLOW = `import { flow } from 'qubus'
import { z } from 'zod'
export default flow('counts', { input: z.object({ n: z.number().int() }) }, async ({ n }) => n)
export const other = flow('other', async () => 1)
`

const REFUSED: Array<[args: string[], says: RegExp]> = [
  [['frob'], /unknown command 'frob'/],
  [['stats'], /Did you mean status/],
  [['run'], /missing required argument 'flow'/],
  [['run', 'nowhere.ts'], /nowhere\.ts: there is no such file/],
  [['run', './'], /\.\/: it is no file: name a flow file in it/],
  [
    ['run', 'flow.ts#missing', '-p', 'n=1'],
    /flow\.ts exports no flow named "missing"; write one of: flow\.ts#other/,
  ],
  [['run', 'flow.ts', '-p', 'n=x'], /n: Invalid input: expected number/],
  [['run', 'flow.ts', '--params', '{n'], /--params is not JSON/],
  [['run', 'flow.ts', '-p', 'n'], /-p "n": write key=value/],
  [['run', 'flow.ts', '--frob'], /unknown option '--frob'/],
  [['run', 'flow.ts', '--run', 'a.b'], /--run "a\.b": the character "\." is not allowed/],
  [['run', 'flow.ts', '--priority', 'high'], /--priority "high": write a whole number/],
  [['run', 'broken.ts'], /broken\.ts:2:1: Unexpected end of file$/m],
  [['run', 'text.txt'], /text\.txt/],
  [
    ['run', 'graph.yaml', '-p', 'm=1'],
    /graph\.yaml:1: params: a value was given for "m", .*\n.*graph\.yaml:3: steps\.a\.sleep: found "x"/,
  ],
  [['run', 'nowhere.yaml'], /the graph nowhere\.yaml can't be read: there is no such file/],
  [['publish', 'graph.yaml'], /graph\.yaml:3: steps\.a\.sleep/],
  [['publish'], /missing required argument 'files'/],
  [['result', 'a.b'], /the run id "a\.b"/],
  [['show', ''], /the run id "": it is empty/],
  [['logs', 'r', '--step', '-1'], /--step/],
  [['runs', '--state', 'done'], /--state "done": write one of: queued, running/],
  [['runs', '--since', 'lately'], /--since "lately" is not a span of time/],
  [['signal', 'set', 'a.b'], /the signal "a\.b"/],
  [['limit', 'set', 'gpus', '0'], /the places "0": write a whole number, 1 to 1000/],
  [['schedule', 'set', 'daily', '@daily', 'nowhere.ts'], /nowhere\.ts: there is no such file/],
  [['dead', 'show', 'x'], /the id "x": write a whole number/],
  [['retry', 'a.b'], /the run id "a\.b"/],
  [['circuit', 'run', 'bell.qasm', '--shots', '0'], /--shots "0": write a whole number, 1 to/],
  [['circuit', 'run', 'nowhere.qasm'], /nowhere\.qasm: there is no such file/],
  [['circuit', 'run', '.'], /\.: it is a folder/],
  [['circuit', 'check'], /missing required argument 'files'/],
  [['vqpu', 'launch', 'a.b'], /the vQPU id "a\.b"/],
  [['vqpu', 'launch', '--walltime', 'soon'], /--walltime "soon" is not a span of time/],
  [['events', '--since', 'yesterday'], /--since "yesterday" is not a span of time/],
  [['actor', 'conductor'], /write one of: coordinator, allocator/],
  [['up', '--coordinators', '0'], /--coordinators "0"/],
  [['up', '--cluster', 'nowhere.yaml'], /nowhere\.yaml/],
  [['cluster', 'check'], /missing required argument 'file'/],
  [['cluster', 'check', 'nowhere.yaml'], /the cluster file nowhere\.yaml can't be read/],
]

test('bad input is refused before any work, with what, where and what to write', {
  concurrency: 3,
}, async (t) => {
  await using home = await tempHome()
  const cwd = home.path
  await writeFile(join(cwd, 'flow.ts'), FLOW)
  await writeFile(join(cwd, 'broken.ts'), 'export default flow(\n')
  await writeFile(join(cwd, 'text.txt'), 'no flow\n')
  await writeFile(join(cwd, 'graph.yaml'), 'params: { n: 1 }\nsteps:\n  a: { sleep: x }\n')
  await writeFile(join(cwd, 'bell.qasm'), 'OPENQASM 2.0;\nqreg q[1];\n')
  const all = REFUSED.map(([args, says]) =>
    t.test(`qubus ${args.join(' ')}`, async () => {
      const { exitCode, stderr, stdout } = await qubus(args, { home: join(cwd, 'home'), cwd })
      assert.match(stderr, says)
      assert.equal(exitCode, 2)
      assert.equal(stdout, '')
    }),
  )
  await Promise.all(all)
})

test('with --json the refusal is a JSON line too', async () => {
  const { lines } = await qubus(['circuit', 'run', '/nowhere.qasm', '--json'])
  assert.deepEqual(lines, [
    { error: { code: 'INVALID_OPTION', message: '/nowhere.qasm: there is no such file' } },
  ])
  const unknown = await qubus(['runs', '--frob', '--json'])
  assert.equal(codeOf(unknown.lines[0]), 'INVALID_OPTION')
})

test('without a system, verbs that need one say how to start it and exit with 3', async () => {
  await using home = await tempHome()
  for (const args of [
    ['status'],
    ['runs'],
    ['show', 'r'],
    ['result', 'r'],
    ['logs', 'r'],
    ['cancel', 'r'],
    ['events'],
    ['devices'],
    ['vqpu', 'list'],
    ['limit', 'list'],
    ['signal', 'list'],
    ['schedule', 'list'],
    ['dead', 'list'],
    ['dead', 'replay', '1'],
    ['retry', 'r'],
    ['run', 'circuit'],
  ]) {
    const { exitCode, stderr } = await qubus(args, { home: home.path })
    assert.equal(exitCode, 3, args.join(' '))
    assert.match(stderr, /no system was started in .*: run scripts\/qubus up/)
  }
})

test('down on a home where nothing runs is done', async () => {
  await using home = await tempHome()
  const { exitCode, lines } = await qubus(['down', '--json'], { home: home.path })
  assert.equal(exitCode, 0)
  assert.deepEqual(lines, [{ home: home.path, stopped: false }])
})

test('circuit check needs no system: what is valid is described, what is not has line and column', async () => {
  await using home = await tempHome()
  const good = join(home.path, 'good.qasm')
  const bad = join(home.path, 'bad.qasm')
  await writeFile(
    good,
    'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n',
  )
  await writeFile(bad, 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\n  hh q[0];\n')
  const { exitCode, lines } = await qubus(['circuit', 'check', good, bad, '--json'])
  assert.equal(exitCode, 1)
  assert.equal(lines[0]?.['state'], 'valid')
  assert.equal(lines[0]?.['qubits'], 2)
  const error = lines[1]?.['error'] as { code: string; line: number; column: number }
  assert.deepEqual(
    [lines[1]?.['state'], error.code, error.line, error.column],
    ['invalid', 'CIRCUIT_UNKNOWN_GATE', 4, 3],
  )
})

test('a reader that leaves early ends the command quietly', async () => {
  const running = start(['help'])
  running.stdout.destroy()
  const { exitCode, stderr } = await running
  assert.equal(exitCode, 0)
  assert.equal(stderr, '')
})
