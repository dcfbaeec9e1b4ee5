/** Tests as a flow's author writes them: run by `qubus test`, from a folder of their own (see test-flow.test.ts). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testFlow } from 'qubus/test'
import shop, * as all from './shop.ts'

test('a flow of days runs at once: maps, retries, sleeps, sub-flows, groups', async () => {
  const from = performance.now()
  const { state, result, steps, logs, seconds } = await testFlow(shop, { n: 4 })
  assert.equal(state, 'completed')
  const { dice, ...rest } = result ?? assert.fail()
  assert.deepEqual(rest, { squares: [0, 1, 4, 9], late: 'at last', child: 32, both: [49, 64], hours: 26 })
  assert.ok(dice >= 0 && dice < 1)
  assert.deepEqual(all.tries, [1, 2, 3])
  assert.ok(seconds >= 26 * 3600 && performance.now() - from < 26 * 3_600_000)
  const found = steps.find(({ name }) => name === 'flaky')
  assert.deepEqual([found?.attempts, found?.state, found?.result], [3, 'completed', 'at last'])
  assert.equal(steps.length, 4 + 1 + 1 + 1 + 2)
  assert.deepEqual(
    logs.map(({ text, fields, step }) => [text, fields, step]),
    [['begins', { n: 4 }, 0]],
  )
})

test('the same run has the same time and chance', async () => {
  const dice = async (run: string) =>
    ((await testFlow(shop, { n: 0 }, { run })).result as { dice: number }).dice
  assert.equal(await dice('one'), await dice('one'))
  assert.notEqual(await dice('one'), await dice('other'))
})

test('parameters are checked', async () => {
  const { state, error } = await testFlow(shop, { n: 'four' } as never)
  assert.deepEqual([state, (error as { code?: string }).code], ['failed', 'INVALID_INPUT'])
})

test('tasks can be replaced by name, and fail as they really would', async () => {
  const prices: Record<string, number> = { tea: 3, cake: 4 }
  const { result } = await testFlow(all.buys, ['tea', 'cake'], {
    tasks: { price: (item: string) => prices[item] },
  })
  assert.equal(result, 7)
  const { state, error } = await testFlow(all.buys, ['tea'])
  assert.deepEqual([state, error?.message.includes('the shop is closed')], ['failed', true])
})

test('a task that takes too long is ended', async () => {
  const { state, error } = await testFlow(all.hanging, undefined)
  assert.deepEqual([state, (error as { code?: string }).code], ['failed', 'TIMEOUT'])
})

test('signals are set before, or beside the run; else their time-out comes at once', async () => {
  assert.equal(
    (await testFlow(all.approves, undefined, { signals: { approved: { by: 'me' } } })).result,
    'me',
  )
  const late = await testFlow(all.approves, undefined, {
    async beside({ sleep, setSignal }) {
      await sleep(300)
      await setSignal('approved', { by: 'her' })
    },
  })
  assert.deepEqual([late.result, late.seconds >= 300], ['her', true])
  const { error } = await testFlow(all.approves, undefined)
  assert.equal((error as { code?: string }).code, 'TIMEOUT')
})

test('a run that waits for what never comes is named', async () => {
  await assert.rejects(testFlow(all.waitsForEver, undefined), { code: 'FLOW_STALLED', message: /wait never/ })
})

test('a cancel beside it ends it', async () => {
  const { state, error } = await testFlow(all.waitsForEver, undefined, {
    async beside({ sleep, cancel }) {
      await sleep(5)
      await cancel('enough')
    },
  })
  assert.deepEqual([state, error?.message], ['cancelled', 'enough'])
})

test('programs and circuits are real; what tasks print and keep is there', async () => {
  const { result, logs, artifacts } = await testFlow(all.real, undefined)
  assert.deepEqual(result, { stdout: 'hello\n', counts: { '01': 100 } })
  assert.deepEqual(
    logs.map(({ text }) => text),
    ['hello'],
  )
  assert.deepEqual(artifacts, [{ key: 'note', type: 'json', value: { text: 'noted' } }])
})

test('a flow that fails is tried again as it would be, and its steps not', async () => {
  const { state, error, seconds, steps } = await testFlow(all.stubborn, undefined)
  assert.deepEqual([state, error?.message, seconds >= 60], ['failed', 'never', true])
  assert.deepEqual(
    steps.map(({ name, state: of }) => [name, of]),
    [
      ['square', 'completed'],
      ['square', 'completed'],
    ],
  )
})

test('what nobody awaited counts', async () => {
  const { state, error } = await testFlow(all.forgets, undefined)
  assert.deepEqual([state, (error as { code?: string }).code], ['failed', 'UNHANDLED_REJECTION'])
})

test('what can not travel is refused here, too', async () => {
  const { error } = await testFlow(all.unsendable, undefined)
  assert.equal((error as { code?: string }).code, 'UNENCODABLE')
})

test('a flow may be given as a file, as in `qubus run`', async () => {
  const path = new URL('./shop.ts', import.meta.url).pathname
  assert.equal((await testFlow(`${path}#doubled`, { n: 3 })).result, 18)
})

test('a flow that would do something else on a replay is told by file and line', async () => {
  const { readFileSync } = await import('node:fs')
  const source = readFileSync(new URL('./shop.ts', import.meta.url), 'utf8').split('\n')
  const line = source.findIndex((each) => each.endsWith('// differs')) + 1
  for (const each of [all.counts, all.countsBelow])
    await assert.rejects(
      testFlow(each, undefined),
      (error: Error & { code: string; facts: { at: string } }) => {
        assert.equal(error.code, 'NON_DETERMINISTIC')
        assert.match(
          error.message,
          /^flow "counts" does something else .*: step 1: the flow asks for task "square" with /,
        )
        assert.match(error.facts.at, new RegExp(`/shop\\.ts:${line}:\\d+$`))
        return true
      },
    )
  const path = new URL('./shop.ts', import.meta.url).pathname
  await assert.rejects(testFlow(`${path}#counts`, undefined), {
    message: new RegExp(` at ${path}:${line}:\\d+: step 1: `),
  })
  assert.equal((await testFlow(all.counts, undefined, { replay: false })).state, 'completed')
  await assert.rejects(testFlow(all.returnsOther, undefined), {
    message: /completed with \d+, but the run had completed with \d+/,
  })
  await assert.rejects(testFlow(all.remembers, { twice: true }), {
    message: /asks for task "square" with \[1\], but the run had completed after 0 steps/,
  })
  await assert.rejects(testFlow(all.forgetsOne, undefined), {
    message: /ended after 0 steps, but had asked for 1; it asked for no step/,
  })
})

test('what was cut off comes to the same on a replay', async () => {
  const { result, steps } = await testFlow(all.cutsOff, undefined)
  assert.ok(steps.length < 40)
  assert.equal(result?.afterwards, 16)
  assert.match(`${result?.error} ${result?.failing}`, /the shop is closed.* the shop is closed/)
})

test('a flow may ask for thousands at once', async () => {
  const { result } = await testFlow(all.sums, 3000)
  assert.equal(result, (3000 * 2999) / 2)
})
