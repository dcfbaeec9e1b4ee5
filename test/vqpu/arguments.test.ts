import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseArguments } from '../../services/vqpu/arguments.ts'

describe('the command line of a vQPU host', () => {
  it('reads every flag', () => {
    assert.deepEqual(
      parseArguments(['--device', 'r1-vqpu-1', '--engine', 'aer', '--run', 'r1', '--walltime', '60']),
      {
        device: 'r1-vqpu-1',
        engine: 'aer',
        run: 'r1',
        pool: undefined,
        walltimeSeconds: 60,
      },
    )
    assert.equal(parseArguments(['--device', 'p-1', '--pool', 'vqpu']).pool, 'vqpu')
  })

  it('a shared vQPU belongs to no run, even when a run launched it', () => {
    assert.equal(parseArguments(['--device', 'vqpu-1', '--run', 'r1', '--shared']).run, undefined)
  })

  const bad: [string, string[], RegExp][] = [
    ['no device', ['--shared'], /--device is missing/],
    [
      'a device that is no token',
      ['--device', 'a.b', '--shared'],
      /--device "a\.b": the character "\." is not allowed/,
    ],
    ['nobody to serve', ['--device', 'a'], /--run RUN, --pool POOL or --shared/],
    ['a walltime that is no number', ['--device', 'a', '--shared', '--walltime', '1h'], /--walltime "1h"/],
    ['an unknown flag', ['--device', 'a', '--shared', '--colour', 'red'], /--colour/],
  ]
  for (const [title, argv, message] of bad) {
    it(`refuses ${title}, saying which`, () => assert.throws(() => parseArguments(argv), message))
  }
})
