import { describe, it } from 'node:test'
import fc from 'fast-check'
import { found } from './found.ts'
import { anyCase, simulate } from './simulate.ts'

// See the README of this folder.
const RUNS = Number(process.env['QUBUS_SIM_RUNS'] ?? 300)
const SEED = process.env['QUBUS_SIM_SEED']
const PATH = process.env['QUBUS_SIM_PATH']

describe('every run ends with the exact result, each step with one outcome, and nothing is left', () => {
  it('where something was wrong once', async () => {
    for (const what of found) for (let i = 0; i < 5; i++) await simulate({ ...what, seed: what.seed + i })
  })

  it(`whatever goes wrong on the way: ${RUNS} simulations`, async () => {
    await fc.assert(
      fc.asyncProperty(anyCase, async (what) => {
        await simulate(what)
      }),
      {
        numRuns: RUNS,
        ...(SEED === undefined ? {} : { seed: Number(SEED) }),
        ...(PATH === undefined ? {} : { path: PATH }),
      },
    )
  })

  it('the same seed gives the same history', async () => {
    const what = found[0]
    if (what === undefined) throw new Error('there is a case')
    const [one, two] = [await simulate({ ...what, loss: 0.1 }), await simulate({ ...what, loss: 0.1 })]
    const history = ({ broker }: typeof one) =>
      broker.log.map(({ subject, at }) => `${at} ${subject}`).join('\n')
    if (history(one) !== history(two) || one.events !== two.events) throw new Error('the histories differ')
  })
})
