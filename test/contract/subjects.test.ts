import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  filter,
  lastToken,
  parseCommandSubject,
  parseRecordSubject,
  record,
  subject,
} from '#shared/contract/subjects.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-'
const token = fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 1, maxLength: 40 })
const count = fc.integer({ min: 1, max: 1_000_000 })
const identity = fc.record({ run: token, step: count, attempt: count })

test('every record of a run is found again in its subject', () => {
  fc.assert(
    fc.property(token, count, count, count, (run, step, attempt, nth) => {
      const log = record(run)
      for (const kind of ['requested', 'cancel', 'completed'] as const) {
        assert.deepEqual(parseRecordSubject(log[kind]), { run, record: { kind } })
      }
      assert.deepEqual(parseRecordSubject(log.outcome(step)), { run, record: { kind: 'outcome', step } })
      assert.deepEqual(parseRecordSubject(log.timer(step)), { run, record: { kind: 'timer', step } })
      assert.deepEqual(parseRecordSubject(log.attempt(step, attempt)), {
        run,
        record: { kind: 'attempt', step, attempt },
      })
      assert.deepEqual(parseRecordSubject(log.route(step, attempt)), {
        run,
        record: { kind: 'route', step, attempt },
      })
      assert.deepEqual(parseRecordSubject(log.lost(step, attempt, nth)), {
        run,
        record: { kind: 'lost', step, attempt, nth },
      })
    }),
  )
})

test('a record that this version does not know is none', () => {
  const log = record('r').all.slice(0, -1)
  for (const unknown of ['', 'paused', 'step', 'step.1.checkpoint', 'step.1.checkpoint.2']) {
    const parsed = parseRecordSubject(`${log}${unknown}`)
    assert.equal(parsed, undefined, `${unknown} was taken for ${JSON.stringify(parsed)}`)
  }
  assert.equal(parseRecordSubject('qubus.v1.run.3'), undefined)
})

test('every command says in its subject for which target, run, step and attempt it is', () => {
  fc.assert(
    fc.property(token, identity, (target, id) => {
      assert.deepEqual(parseCommandSubject(subject.task(target, id)), { target, ...id })
      assert.deepEqual(parseCommandSubject(subject.circuit(target, id)), { target, ...id })
      assert.deepEqual(parseCommandSubject(subject.submission(id)), { target: '', ...id })
    }),
  )
})

test('the run is the last token of what is said about a run', () => {
  fc.assert(
    fc.property(token, (run) => {
      for (const text of [
        subject.flow(run),
        subject.control(run),
        subject.inspect(run),
        subject.request(run),
      ]) {
        assert.equal(lastToken(text), run)
      }
    }),
  )
})

test('each subject matches the filter of its stream and of its owner, and no other', () => {
  fc.assert(
    fc.property(token, identity, (target, id) => {
      const told: [string, string[]][] = [
        [subject.task(target, id), [filter.tasks, filter.poolTasks(target), filter.runTasks(id.run)]],
        [subject.submission(id), [filter.submissions, filter.runSubmissions(id.run)]],
        [
          subject.circuit(target, id),
          [filter.circuits, filter.deviceCircuits(target), filter.runCircuits(id.run)],
        ],
        [
          subject.allocation(target, id.run, 'a'),
          [filter.allocations, filter.poolAllocations(target), filter.runAllocations(id.run)],
        ],
        [record(id.run).outcome(id.step), [filter.runs, filter.stepRecords, record(id.run).all]],
        [record(id.run).completed, [filter.runs, record(id.run).all]],
        [subject.request(id.run), [filter.requests]],
        [subject.log(id.run, id.step, id.attempt), [filter.logs, filter.runLogs(id.run)]],
        [subject.dead('TASKS', subject.task(target, id)), [filter.dead]],
        [subject.event('run', 'completed', id.run, 'x'), [filter.events, filter.runEvents(id.run)]],
      ]
      const all = [...new Set(told.flatMap(([, filters]) => filters))]
      for (const [text, wanted] of told) {
        for (const each of all)
          assert.equal(matches(each, text), wanted.includes(each), `${each} and ${text}`)
      }
    }),
  )
})

test('a dead letter keeps the whole subject of what it was', () => {
  const of = subject.task('cpu', { run: 'r1', step: 3, attempt: 2 })
  assert.ok(subject.dead('TASKS', of).endsWith(of.slice('qubus.v1.'.length)))
})

function matches(pattern: string, text: string): boolean {
  const wanted = pattern.split('.')
  const tokens = text.split('.')
  for (const [i, each] of wanted.entries()) {
    if (each === '>') return tokens.length > i
    if (tokens[i] === undefined || (each !== '*' && each !== tokens[i])) return false
  }
  return tokens.length === wanted.length
}
