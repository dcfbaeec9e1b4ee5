import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tempHome } from '../support/temp-home.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const FILE = fileURLToPath(new URL('../fixtures/flows/published.ts', import.meta.url))
const actors = await actorsForThisFile()
const { client } = actors

const counting = (answer: string): string => `import { flow } from 'qubus'
export const counted = flow('counted in words', async () => ${JSON.stringify(answer)})
const hidden = flow('hidden', async () => 0)
export const steps = [hidden.name]
`

describe('publishing a file', () => {
  it('makes each flow that it exports known by its name, with its version, file, input and publisher', async () => {
    const published = await client.publish(FILE)
    assert.deepEqual(
      published.map(({ flow, change }) => [flow, change]),
      [
        ['sum', 'new'],
        ['asks', 'new'],
        ['typed', 'new'],
      ],
    )
    assert.equal(new Set(published.map(({ version }) => version)).size, 1)
    assert.match(published[0]?.version ?? '', /^[0-9a-f]{12}$/)
    const [asks, sum] = await client.flows()
    assert.deepEqual([asks?.flow, asks?.input], ['asks', undefined])
    assert.deepEqual([sum?.flow, sum?.file, sum?.version], ['sum', FILE, published[0]?.version])
    assert.ok(sum !== undefined && sum.by !== '' && Math.abs(sum.at - Date.now()) < 600_000)
    assert.deepEqual(sum.input, {
      type: 'object',
      properties: {
        numbers: { minItems: 1, type: 'array', items: { type: 'number' } },
        label: { default: 'none', type: 'string' },
        when: {},
      },
      required: ['numbers'],
    })
  })

  it('again, with the same code, changes nothing; with other code it says what was there', async () => {
    await using folder = await tempHome()
    const file = join(folder.path, 'counted.ts')
    await writeFile(file, counting('one'))
    const [first] = await client.publish(file)
    const [same] = await client.publish(file)
    assert.equal(first?.change, 'new')
    assert.deepEqual(
      [same?.change, same?.version, same?.was?.version],
      ['unchanged', first?.version, first?.version],
    )
    assert.equal(await client.run('counted in words'), 'one')
    await writeFile(file, counting('two'))
    const [other] = await client.publish(file)
    assert.deepEqual([other?.change, other?.was?.version], ['changed', first?.version])
    assert.notEqual(other?.version, first?.version)
    assert.equal(await client.run('counted in words'), 'two')
    assert.ok(!(await client.flows()).some(({ flow }) => flow === 'hidden'))
    assert.equal(await client.unpublish('counted in words'), true)
    assert.equal(await client.unpublish('counted in words'), false)
    await assert.rejects(client.run('counted in words'), { code: 'UNKNOWN_FLOW' })
  })

  it('by several at once: each says what it replaced, and nothing is replaced twice', async () => {
    await using folder = await tempHome()
    const files = Array.from({ length: 5 }, (_, i) => join(folder.path, `counted-${i}.ts`))
    await Promise.all(files.map((file, i) => writeFile(file, counting(`at once ${i}`))))
    const published = (await Promise.all(files.map((file) => client.publish(file)))).flat()
    assert.deepEqual(published.map(({ change }) => change).sort(), [...Array(4).fill('changed'), 'new'])
    const replaced = published.flatMap(({ was }) => (was === undefined ? [] : [was.version]))
    assert.equal(new Set(replaced).size, 4)
    const left = published.map(({ version }) => version).filter((version) => !replaced.includes(version))
    const now = (await client.flows()).find(({ flow }) => flow === 'counted in words')
    assert.deepEqual(left, [now?.version])
    assert.equal(await client.unpublish('counted in words'), true)
  })

  it('of one that exports none, or has the name of a built-in flow, is refused', async () => {
    await using folder = await tempHome()
    const file = join(folder.path, 'none.ts')
    await writeFile(file, "import { flow } from 'qubus'\nflow('lonely', async () => 1)\n")
    await assert.rejects(client.publish(file), {
      code: 'UNKNOWN_FLOW',
      message: /exports no flow \(it defines "lonely"\)/,
    })
    await writeFile(file, "import { flow } from 'qubus'\nexport default flow('circuit', async () => 1)\n")
    await assert.rejects(client.publish(file), { code: 'INVALID_NAME', message: /built in/ })
    await assert.rejects(client.publish(join(folder.path, 'nowhere.ts')), { code: 'BUNDLE_FAILED' })
  })
})

describe('a published flow', () => {
  it('runs by its name, its parameters checked before any work', async () => {
    assert.deepEqual(await client.run('sum', { numbers: [1, 2], label: 'x' }), { total: 3, label: 'x' })
    await assert.rejects(client.run('sum', { numbers: [] }), { code: 'INVALID_INPUT', message: /numbers/ })
    await assert.rejects(client.run('summ', {}), {
      code: 'UNKNOWN_FLOW',
      message: /no flow "summ" is published; published: asks, sum, typed; built in: circuit/,
    })
  })

  it('is the same run for the same run id, whatever was published meanwhile', async () => {
    const wanted = { flow: 'sum', params: { numbers: [5] }, run: 'named-once' }
    assert.equal(await client.request(wanted), 'named-once')
    assert.deepEqual(await client.result('named-once'), { total: 5, label: 'none' })
    assert.equal(await client.request(wanted), 'named-once')
    await assert.rejects(client.request({ ...wanted, params: { numbers: [6] } }), {
      code: 'REQUEST_CONFLICT',
    })
  })

  it('is a sub-flow by name of a flow in another bundle', async () => {
    assert.equal(await client.run('typed'), 12)
    const run = await client.request({
      flow: 'asks',
      params: { name: 'sum', params: { numbers: [4], label: 'child' } },
    })
    assert.deepEqual(await client.result(run), { total: 4, label: 'child' })
    const child = await client.find(`${run}-1`)
    assert.ok(child?.state === 'ended')
    assert.deepEqual(
      [child.flow, child.requested?.name, child.requested?.parent?.run],
      ['sum', 'sum-child', run],
    )
    assert.equal(child.requested?.bundle, (await client.flows()).find(({ flow }) => flow === 'sum')?.bundle)
  })

  it('that is not there, or is given what it does not take, fails the step that asked, with the reason', async () => {
    const nobody = await client.run('asks', { name: 'nobody', params: {} })
    assert.match((nobody as { message: string }).message, /sub-flow "nobody" .*no flow "nobody" is published/)
    const wrong = await client.run('asks', { name: 'sum', params: { numbers: 'many' } })
    assert.match((wrong as { code: string; message: string }).message, /numbers/)
    assert.equal((wrong as { code: string }).code, 'INVALID_INPUT')
  })
})
