import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askedGpus, askedGres, directive, parseGres } from '../../shared/cluster/directives.ts'
import { formatSlurmTime, parseSlurmTime } from '../../shared/cluster/slurm-time.ts'

test('a time is read in every form that Slurm has', () => {
  for (const [text, seconds] of [
    ['90', 5400],
    ['01:30', 90],
    ['24:00:00', 86_400],
    ['100:00:00', 360_000],
    ['2-12', 216_000],
    ['2-12:30', 217_800],
    ['2-12:30:05', 217_805],
    ['1-0', 86_400],
    ['infinite', Number.POSITIVE_INFINITY],
    ['UNLIMITED', Number.POSITIVE_INFINITY],
    ['0', Number.POSITIVE_INFINITY],
  ] as const)
    assert.equal(parseSlurmTime(text), seconds, text)
  for (const text of ['', 'soon', '1:2:3:4', '-12:00', '1-', '12h', '1.5'])
    assert.equal(parseSlurmTime(text), undefined, text)
  for (const text of ['00:30:00', '23:59:59', '1-00:00:00', '12-03:04:05'])
    assert.equal(formatSlurmTime(parseSlurmTime(text) ?? 0), text)
})

test('an option is found in whatever way it is written, and of several the last one', () => {
  for (const text of ['--partition=gpu', '--partition gpu', '-p gpu', '-pgpu', '-p=gpu', '--partition="gpu"'])
    assert.equal(directive([text], 'partition'), 'gpu', text)
  assert.equal(directive(['-t 10', '--time=20', '--exclusive'], 'time'), '20')
  assert.equal(directive(['--exclusive'], 'exclusive'), '')
  assert.equal(directive(['--time-min=5'], 'time'), undefined)
})

test('gres are read as directives and sinfo write them', () => {
  assert.deepEqual(parseGres('gpu:a100:4(S:0-1),qpu:1'), [
    { name: 'gpu', type: 'a100', count: 4 },
    { name: 'qpu', type: undefined, count: 1 },
  ])
  assert.deepEqual(parseGres('gpu'), [{ name: 'gpu', type: undefined, count: 1 }])
  assert.deepEqual(parseGres('gpu:mi250x'), [{ name: 'gpu', type: 'mi250x', count: 1 }])
  assert.deepEqual(parseGres('(null)'), [])
})

test('GPUs of a node are counted from whichever option asks for them', () => {
  for (const [texts, count] of [
    [['--gres=gpu:2'], 2],
    [['--gres=qpu:1,gpu:a100:3'], 3],
    [['--gres=gpu:a100:1,gpu:h100:2'], 3],
    [['--gpus-per-node=a100:2'], 2],
    [['--gpus=4', '-N 2'], 2],
    [['-G 1'], 1],
    [['--gres=qpu:1'], undefined],
    [['--gpus-per-task=2'], 2],
    [[], undefined],
  ] as const)
    assert.equal(askedGpus(texts), count, texts.join(' '))
  assert.deepEqual(
    askedGres(['--gres=qpu:1', '-G 2']).map(({ name, count }) => [name, count]),
    [
      ['qpu', 1],
      ['gpu', 2],
    ],
  )
})
