import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { formatAge, formatSeconds } from '../../scripts/cli/terminal/duration.ts'
import { renderHistogram } from '../../scripts/cli/terminal/histogram.ts'
import { printable, shorten } from '../../scripts/cli/terminal/printable.ts'
import { progressBar, renderProgress } from '../../scripts/cli/terminal/progress-bar.ts'
import { renderTable } from '../../scripts/cli/terminal/table.ts'

test('a span of time has the unit that suits it', () => {
  const cases: Array<[number, string]> = [
    [0.0004, '0.4 ms'],
    [0.012, '12 ms'],
    [0.9999, '1.00 s'],
    [1.25, '1.25 s'],
    [12.34, '12.3 s'],
    [59.96, '1m 00s'],
    [185, '3m 05s'],
    [7440, '2h 04m'],
    [266_400, '3d 02h'],
    [Number.NaN, '?'],
  ]
  for (const [seconds, text] of cases) assert.equal(formatSeconds(seconds), text)
  assert.equal(formatAge(0, 5_400), '5 s')
})

test('a histogram shows each outcome with its share, in the order of bits', () => {
  const lines = renderHistogram({ '11': 750, '00': 250 }, { width: 60 }).split('\n')
  assert.match(lines[0] ?? '', /^00 │█+[▏▎▍▌▋▊▉]? +250 {2}25\.0 %$/)
  assert.match(lines[1] ?? '', /^11 │█+ 750 {2}75\.0 %$/)
  assert.ok(lines.every((line) => line.length <= 60))
})

test('what was seen once has a visible bar, and what does not fit is summed up', () => {
  const many = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [i.toString(2).padStart(5, '0'), i === 0 ? 1_000_000 : 1]),
  )
  const lines = renderHistogram(many, { rows: 4 }).trimEnd().split('\n')
  assert.equal(lines.length, 5)
  assert.match(lines[1] ?? '', /│▏ /)
  assert.equal(lines[4], '16 more outcomes: 16 of 1000019 shots')
  assert.equal(renderHistogram({}), 'no counts\n')
})

test('a plain table has no trailing blanks, and obeys no escape sequence of a name', () => {
  const text = renderTable({
    head: ['NAME', 'N'],
    rows: [
      ['a\u001b[31mb\nc', 1],
      [undefined, 22],
    ],
    right: [1],
  })
  assert.equal(text, `NAME${' '.repeat(11)}N\na\\x1b[31mb c   1\n${' '.repeat(14)}22\n`)
  assert.equal(printable('x\u0007y\u2066'), 'x\\x07y\\x2066')
  assert.equal(shorten('abcdef', 4), 'abc…')
})

test('progress counts failed steps as done, and gives up the bar where there is no room', () => {
  const progress = { requested: 20, completed: 9, failed: 1, running: 3 }
  assert.equal(renderProgress(progress, 1.25, 30), '10/20 steps · 3 running · 1 failed · 1.25 s')
  assert.match(renderProgress(progress, 1.25, 100), /^\[█{20}░{20}\] 10\/20 steps/)
})

test('in a pipe, progress is a line now and then', () => {
  const stream = new PassThrough()
  let now = 0
  using bar = progressBar(stream as unknown as NodeJS.WriteStream, 'demo', () => now)
  bar.update({ requested: 0, completed: 0, failed: 0, running: 0 })
  bar.update({ requested: 2, completed: 0, failed: 0, running: 2 })
  now = 500
  bar.update({ requested: 2, completed: 1, failed: 0, running: 1 })
  now = 3_000
  bar.update({ requested: 2, completed: 2, failed: 0, running: 0 })
  bar.above('a log line')
  assert.equal(String(stream.read()), 'demo: 0/2 steps, 2 running\ndemo: 2/2 steps, 0 running\na log line\n')
})
