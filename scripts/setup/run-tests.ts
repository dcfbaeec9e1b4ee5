/**
 * Runs test files with Node's own runner, each in a process of its own, and fails when a file had no test or no test
 * ran at all: a runner that finds nothing is green.
 */
import { globSync } from 'node:fs'
import { relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const ROOT = new URL('../..', import.meta.url).pathname
// Only against hangs: no test judges speed.
const HANG_MS = 10 * 60_000

function findTestFiles(patterns: string[]): string[] {
  const all = globSync('test/**/*.test.ts', { cwd: ROOT }).sort()
  const wanted = all.filter(
    (file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)),
  )
  if (wanted.length > 0) return wanted.map((file) => `${ROOT}${file}`)
  const why =
    patterns.length === 0
      ? 'test/ has no *.test.ts'
      : `none of ${all.length} test files matches ${patterns.join(' ')}`
  process.stderr.write(`qubus: no tests: ${why}\n`)
  process.exit(1)
}

type TestEvent = {
  type: string
  data: {
    message?: string
    file?: string
    name?: string
    todo?: unknown
    skip?: unknown
    [more: string]: unknown
  }
}

async function runTests(files: string[]): Promise<void> {
  const ended = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort())
  const tally = new Tally(files)
  const stream = run({ files, concurrency: 2, timeout: HANG_MS, cwd: ROOT, signal: ended.signal })
  await pipeline(
    stream,
    (source) => tally.watch(source as AsyncIterable<TestEvent>),
    new spec(),
    process.stdout,
    { end: false },
  )
  process.exitCode = tally.ok ? 0 : 1
}

/** Watches the runner's events: counts, and puts what was skipped, and why, before the closing lines. */
class Tally {
  ok = true
  readonly #silent: Set<string>
  readonly #skipped: string[] = []
  #ran = 0

  constructor(files: string[]) {
    this.#silent = new Set(files)
  }

  async *watch(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
    let closing = false
    for await (const event of events) {
      if (event.type === 'test:pass' || event.type === 'test:fail') this.#count(event)
      if (!closing && event.type === 'test:diagnostic' && String(event.data.message).startsWith('tests ')) {
        closing = true
        yield* this.#remarks().map(remark)
      }
      yield event
    }
  }

  #count({ type, data }: TestEvent): void {
    const file = String(data.file ?? '')
    if (type === 'test:fail' && data.todo === undefined) this.ok = false
    // A file without tests is reported as one passed test of the file's own name.
    if (data.name === file || data.name === relative(ROOT, file)) return
    this.#silent.delete(file)
    const why = data.skip
    if (why === undefined) this.#ran++
    else
      this.#skipped.push(
        `skipped: ${String(data.name)}: ${why === true || why === '' ? 'no reason given' : String(why)}`,
      )
  }

  #remarks(): string[] {
    const empty = [...this.#silent].map((file) => `no tests in ${relative(ROOT, file)}`)
    const none = this.#ran === 0 ? ['no test was executed'] : []
    if (empty.length + none.length > 0) this.ok = false
    return [...this.#skipped, ...empty, ...none]
  }
}

function remark(message: string): TestEvent {
  return { type: 'test:diagnostic', data: { nesting: 0, message, level: 'warn' } }
}

await runTests(findTestFiles(process.argv.slice(2)))
