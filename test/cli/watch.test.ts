/** `qubus run FILE --watch` as an author uses it: a real process, real files, a real coordinator and worker. */
import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'
import { codeOf, qubus, start } from './qubus.ts'

const actors = await actorsForThisFile()
const home = actors.broker.home

type Line = Record<string, unknown> & { run?: string; state?: string; result?: unknown; changed?: string[] }

const FLOW = `import { flow, signal, task } from 'qubus'
import { factor, waits } from './part.ts'
const times = task('times', (x: number, y: number) => x * y)
export default flow('watched', async ({ n }: { n: number }) => {
  const product = await times.run(n, factor)
  if (waits) await signal('never').wait()
  return product
})
`
const part = (factor: number, waits = false): string =>
  `export const factor = ${factor}\nexport const waits: boolean = ${waits}\n`

/** A `qubus run --watch` under way, and the lines that it wrote. */
function watching(folder: string, ...args: string[]) {
  const process = start(['run', 'flow.ts', '--watch', '-p', 'n=7', '--json', ...args], { home, cwd: folder })
  let said = ''
  process.stderr.on('data', (chunk: Buffer) => {
    said += String(chunk)
  })
  let text = ''
  process.stdout.on('data', (chunk: Buffer) => {
    text += String(chunk)
  })
  const lines = (): Line[] =>
    text
      .split('\n')
      .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Line] : []))
  return {
    process,
    said: () => said,
    lines,
    line: (what: string, wanted: (line: Line) => boolean) =>
      until(`${what}: ${text.slice(-500)}`, () => lines().find(wanted)),
    async [Symbol.asyncDispose]() {
      process.kill('SIGTERM')
      await process
    },
  }
}

async function replaceFile(folder: string, name: string, content: string): Promise<void> {
  await writeFile(join(folder, `.${name}.new`), content)
  await rename(join(folder, `.${name}.new`), join(folder, name))
}

it('runs anew when the file or what it imports changes, also by rename; errors are told, and watching goes on', async () => {
  await using folder = await tempHome()
  const { path } = folder
  await writeFile(join(path, 'flow.ts'), FLOW)
  await writeFile(join(path, 'part.ts'), part(2))
  await using watched = watching(path)
  const first = await watched.line('the first result', ({ result }) => result === 14)

  await writeFile(join(path, 'part.ts'), part(3))
  const second = await watched.line('the second', ({ result }) => result === 21)
  assert.notEqual(second.run, first.run)
  assert.deepEqual((await watched.line('what changed', ({ changed }) => changed !== undefined)).changed, [
    'part.ts',
  ])

  await replaceFile(path, 'part.ts', part(4))
  await watched.line('the third, after a rename', ({ result }) => result === 28)

  await replaceFile(path, 'part.ts', 'export const factor = = 1\n')
  const wrong = await watched.line('the error', (line) => codeOf(line) === 'BUNDLE_FAILED')
  assert.match(JSON.stringify(wrong), /part\.ts:1:2\d: /)

  // What is missing may come later, in a folder that is not there yet.
  await replaceFile(path, 'part.ts', "export * from './more.ts'\nexport const waits: boolean = false\n")
  await watched.line('what is missing', (line) => /Could not resolve/.test(JSON.stringify(line)))
  await writeFile(join(path, 'more.ts'), 'export const factor = 5\n')
  await watched.line('the result with it', ({ result }) => result === 35)

  const queued = watched.lines().filter(({ state }) => state === 'queued').length
  await writeFile(join(path, 'other.ts'), 'export {}\n')
  await writeFile(join(path, 'more.ts'), 'export const factor = 5\n')
  await until(
    'it looked at that',
    () => watched.lines().filter(({ changed }) => changed?.[0] === 'more.ts').length === 2,
  )
  await writeFile(join(path, 'more.ts'), 'export const factor = 6\n')
  await watched.line('the next result', ({ result }) => result === 42)
  assert.equal(watched.lines().filter(({ state }) => state === 'queued').length, queued + 1)

  // A run that is still being followed would be left.
  await until('it to watch again', () => watched.said().trimEnd().endsWith('Ctrl-C ends'))
  watched.process.kill('SIGINT')
  const { exitCode, stderr } = await watched.process
  assert.equal(exitCode, 0, stderr)
  assert.match(stderr, /part\.ts changed\n/)
  assert.match(stderr, /error: part\.ts:1:2\d: .*\n+watching goes on/)
  assert.match(stderr, /more\.ts changed\nthe code is as it was/)
})

it('a run that is still going is cancelled before the next one; Ctrl-C leaves the last one going', async () => {
  await using folder = await tempHome()
  const { path } = folder
  await writeFile(join(path, 'flow.ts'), FLOW)
  await writeFile(join(path, 'part.ts'), part(2, true))
  await using watched = watching(path)
  const { run: first = '' } = await watched.line('the first', ({ state }) => state === 'queued')
  await until('its wait', async () => (await actors.history(first)).counts['wait'])

  await replaceFile(path, 'part.ts', part(3, true))
  const { run: second = '' } = await watched.line(
    'the second',
    ({ run, state }) => state === 'queued' && run !== first,
  )
  const { state, error } = await actors.client.outcome(first)
  assert.deepEqual([state, error?.message], ['cancelled', 'its code has changed'])
  assert.ok(watched.lines().some(({ run, state: how }) => run === first && how === 'cancelled'))
  await until('its wait', async () => (await actors.history(second)).counts['wait'])

  watched.process.kill('SIGINT')
  const { exitCode, stderr } = await watched.process
  assert.equal(exitCode, 130, stderr)
  assert.match(stderr, new RegExp(`the run ${second} goes on`))
  assert.equal((await actors.client.find(second))?.state, 'running')
  await actors.client.cancel(second)
  assert.equal((await actors.client.outcome(second)).state, 'cancelled')
})

it('a name is no file to be watched, and each run has an id of its own', async () => {
  for (const args of [
    ['run', 'orders', '--watch'],
    ['run', 'flow.ts', '--watch', '--id', 'one'],
    ['run', 'flow.ts', '--watch', '--detach'],
  ]) {
    const { exitCode, lines, stderr } = await qubus([...args, '--json'], { home })
    assert.deepEqual([exitCode, codeOf(lines.at(-1))], [2, 'INVALID_OPTION'], stderr)
  }
})
