import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ProgramResult } from '#shared/flow/program.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { isAlive } from '../support/process-facts.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile({ slots: 4 })
const flows = await actors.flows('programs.ts')
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())

const TELL = fileURLToPath(new URL('../fixtures/flows/tell.mjs', import.meta.url))
type Told = {
  args: string[]
  cwd: string
  env: Record<string, string>
  input: string
  length: number
  hash: string
}

async function tell(args: string[], options: Record<string, unknown> = {}): Promise<Told> {
  const { result, error } = await flows.run('runs', {
    file: process.execPath,
    args: [TELL, ...args],
    options,
  })
  assert.equal(error, undefined)
  return JSON.parse((result as ProgramResult).stdout)
}

const shell = (script: string, options: Record<string, unknown> = {}, ...args: string[]): Promise<string> =>
  flows.request('runs', { file: 'sh', args: ['-c', script, ...args], options })

describe('a program', { concurrency: true }, () => {
  it('gets its arguments as they are: no shell sees them', async () => {
    const args = [
      'two words',
      '',
      '"double" \'single\'',
      '$HOME $PATH `id` $(id)',
      'a;b && c | d > e',
      '*',
      '~',
      'line\nbreak\ttab\r',
      'ünïcödé \u{1F9EA}',
      '\\',
      '--flag=x',
      '%n',
    ]
    assert.deepEqual((await tell(args)).args, args)
  })

  it('gets the working directory, the environment and the input that it was given', async () => {
    const told = await tell([], { cwd: folder.path, env: { GREETING: 'hello $HOME' }, input: 'text ü\n' })
    assert.equal(told.cwd, folder.path)
    assert.equal(told.env.GREETING, 'hello $HOME')
    assert.equal(told.input, 'text ü\n')
    const bytes = new Uint8Array(300_000).map((_, i) => i % 256)
    const { length, hash: received } = await tell([], { input: bytes })
    assert.deepEqual([length, received], [bytes.length, hash('sha256', bytes)])
  })

  it('that is given no input finds its end at once', async () => {
    assert.equal((await tell([])).length, 0)
  })

  it('sees no credentials: nothing of ours but where it runs', async () => {
    const run = await flows.request('runs', { file: process.execPath, args: [TELL] })
    const { env } = JSON.parse(((await actors.client.outcome(run)).result as ProgramResult).stdout) as Told
    const ours = Object.entries(env).filter(([key]) => key.startsWith('QUBUS_'))
    assert.deepEqual(Object.fromEntries(ours), { QUBUS_RUN: run, QUBUS_STEP: '1', QUBUS_ATTEMPT: '1' })
    const task = (await flows.run('task-environment')).result as Record<string, string>
    assert.deepEqual(
      Object.keys(task).filter((key) => key.startsWith('QUBUS_')),
      [],
    )
    assert.ok(task.PATH)
    const secrets = passwords(join(actors.broker.home, 'credentials'))
    assert.ok(secrets.length >= 5)
    for (const secret of secrets)
      for (const value of [...Object.values(env), ...Object.values(task)]) assert.ok(!value.includes(secret))
  })

  it('whose options are wrong is refused where it is written', async () => {
    assert.deepEqual((await flows.run('refusals')).result, Array(7).fill('INVALID_OPTION'))
  })
})

describe('the end of a program', { concurrency: true }, () => {
  it('with a non-zero exit code fails the attempt, and its retries fire', async () => {
    const file = join(folder.path, 'attempts')
    const run = await shell(
      'echo again >> "$0"; echo to the error >&2; test "$(wc -l < "$0")" -ge 3 || exit 7',
      { retries: 2 },
      file,
    )
    const { state, result } = await actors.client.outcome(run)
    assert.deepEqual([state, (result as ProgramResult).exitCode], ['completed', 0])
    assert.equal(readFileSync(file, 'utf8'), 'again\n'.repeat(3))
    const { attempts, outcomes } = await actors.history(run)
    assert.deepEqual(
      attempts.map(({ attempt, error }) => [attempt, error.code, error.facts?.exitCode, error.facts?.stderr]),
      [
        [1, 'PROGRAM_FAILED', 7, 'to the error\n'],
        [2, 'PROGRAM_FAILED', 7, 'to the error\n'],
      ],
    )
    assert.equal(outcomes[0]?.attempt, 3)
  })

  it('that is the last attempt fails the step with exit code and last words', async () => {
    const { state, error } = await actors.client.outcome(await shell('echo first; echo last >&2; exit 3'))
    assert.deepEqual(
      [state, error?.code, error?.facts?.exitCode, error?.facts?.stdout],
      ['failed', 'PROGRAM_FAILED', 3, 'first\n'],
    )
    assert.match(error?.message ?? '', /"sh" ended with exit code 3: last/)
  })

  it('by a signal fails it too', async () => {
    const { error } = await actors.client.outcome(await shell('kill -SEGV $$'))
    assert.deepEqual([error?.code, error?.facts?.signal], ['PROGRAM_FAILED', 'SIGSEGV'])
  })

  it('that never began, for want of the file or the directory, is terminal', async () => {
    for (const wanted of [
      { file: 'no-such-program' },
      { file: 'true', options: { cwd: '/no/such/folder' } },
      { file: '/etc/passwd' },
    ]) {
      const run = await flows.request('runs', { ...wanted, options: { ...wanted.options, retries: 3 } })
      assert.equal((await actors.client.outcome(run)).error?.code, 'PROGRAM_NOT_FOUND', wanted.file)
      assert.equal((await actors.history(run)).attempts.length, 1)
    }
  })

  it('is not held up by a child that stays in the background, and the child is ended', async () => {
    const file = join(folder.path, 'background')
    const run = await shell('sleep 600 & echo $! > "$0"; echo done', {}, file)
    assert.equal(((await actors.client.outcome(run)).result as ProgramResult).stdout, 'done\n')
    const pid = Number(readFileSync(file, 'utf8'))
    await until('the child to end', () => !isAlive(pid))
  })

  it('is not held up by a child that left its group with the output still open', async () => {
    const file = join(folder.path, 'daemon')
    const run = await shell(
      'setsid sh -c \'echo $$ > "$0"; exec sleep 600\' "$0" & until test -s "$0"; do :; done; echo done',
      {},
      file,
    )
    assert.equal(((await actors.client.outcome(run)).result as ProgramResult).stdout, 'done\n')
    const pid = Number(readFileSync(file, 'utf8'))
    assert.ok(isAlive(pid), 'what a program detaches on purpose is its own')
    process.kill(pid, 'SIGKILL')
  })
})

describe('the output of a program', { concurrency: true }, () => {
  it("is in the run's log in order, and its last part in the result", async () => {
    const count = 20_000
    const run = await shell(`i=0; while test $i -lt ${count}; do echo "line $i"; i=$((i+1)); done`)
    const { stdout } = (await actors.client.outcome(run)).result as ProgramResult
    assert.ok(stdout.length < 70_000)
    assert.match(stdout, /^\[… cut: only the last 65536 bytes are kept here …\]\n/)
    assert.ok(stdout.endsWith(`line ${count - 2}\nline ${count - 1}\n`))
    const lines = await until('all lines to be in the log', async () => {
      const found = await actors.logs(run, 1)
      return found.length >= count && found
    })
    assert.deepEqual(
      lines,
      Array.from({ length: count }, (_, i) => `line ${i}`),
    )
  })

  it('keeps its two streams apart, and characters whole', async () => {
    const run = await shell("printf 'gr\\303'; sleep 0.3; printf '\\274n'; echo warn >&2; printf 'no end'")
    const { stdout, stderr } = (await actors.client.outcome(run)).result as ProgramResult
    assert.deepEqual([stdout, stderr], ['grünno end', 'warn\n'])
    const lines: [string, string][] = []
    await until('both lines', async () => {
      lines.length = 0
      for await (const { stream, text } of actors.client.logs(run)) lines.push([stream, text])
      return lines.length === 2
    })
    assert.deepEqual(lines.sort(), [
      ['stderr', 'warn'],
      ['stdout', 'grünno end'],
    ])
  })
})

function passwords(directory: string): string[] {
  return readdirSync(directory).flatMap((file) => {
    const { password } = JSON.parse(readFileSync(join(directory, file), 'utf8')) as { password?: string }
    return password ? [password] : []
  })
}
