import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundleFlowFile, checkParams, describeBundle } from '#shared/bundle/index.ts'
import { flowFolder } from './flow-files.ts'

const FLOWS = `import { flow } from 'qubus'
import { z } from 'zod'
const input = z.object({ n: z.number().int().positive(), label: z.string().default('x') })
export const main = flow('main flow', { input, runName: '{label}-{n}', timeoutSeconds: 60 }, ({ n }) => n)
export default main
export const second = flow('second', (p: { a: number }) => p.a)
flow('hidden', () => 1)
`

async function bundle(text: string) {
  await using folder = await flowFolder()
  return await bundleFlowFile(await folder.write({ 'flow.ts': text }))
}

test('a bundle says which flows it has, and how they are exported', async () => {
  assert.deepEqual(await describeBundle(await bundle(FLOWS)), {
    flows: [
      { name: 'main flow', export: 'main', isDefault: true, timeoutSeconds: 60 },
      { name: 'second', export: 'second', isDefault: false },
      { name: 'hidden', isDefault: false },
    ],
  })
})

test('parameters are checked, and give the run its name', async () => {
  const flows = await bundle(FLOWS)
  assert.deepEqual(await checkParams(flows, 'main flow', { n: 3 }), { ok: true, name: 'x-3' })
  assert.deepEqual(await checkParams(flows, 'main flow', { n: 3, label: 'y' }), { ok: true, name: 'y-3' })
  assert.deepEqual(await checkParams(flows, 'second', 'anything'), { ok: true, name: 'second' })
})

test('parameters that do not fit say which, and why', async () => {
  const flows = await bundle(FLOWS)
  const negative = await checkParams(flows, 'main flow', { n: -1, label: 5 })
  assert.equal(negative.ok, false)
  assert.match((negative as { message: string }).message, /"main flow".* n: .*label: /)
  assert.equal((await checkParams(flows, 'main flow', undefined)).ok, false)
})

test('a flow that is not there is UNKNOWN_FLOW, with those that are', async () => {
  await assert.rejects(checkParams(await bundle(FLOWS), 'third', {}), {
    code: 'UNKNOWN_FLOW',
    message: /"third".*"main flow", "second", "hidden"/,
  })
})

for (const [what, text, message] of [
  ['throws', "throw new RangeError('too early')\n", /RangeError: too early/],
  ['throws no error', 'throw undefined\n', /loaded/],
  [
    'defines a flow twice',
    "import { flow } from 'qubus'\nflow('a', () => 1)\nflow('a', () => 2)\n",
    /defined twice/,
  ],
  [
    'calls a task outside of a flow',
    "import { task } from 'qubus'\ntask('t', () => 1).run()\n",
    /outside of a flow/,
  ],
] as const) {
  test(`a file that ${what} while it is loaded is BUNDLE_FAILED`, async () => {
    await assert.rejects(describeBundle(await bundle(text)), { code: 'BUNDLE_FAILED', message })
  })
}
