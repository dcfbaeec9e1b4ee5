import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { writeBundle } from '#shared/bundle/bundle-cache.ts'
import { bundleFlowFile, withAbsoluteSources } from '#shared/bundle/bundle-flow-file.ts'
import { flowFolder } from './flow-files.ts'

const FLOW = `import { flow, task } from 'qubus'
import { z } from 'zod'
import { half } from './lib/half.ts'

const square = task('square', (n: number): number => n * n)
export default flow('squares', { input: z.object({ n: z.number().default(3) }), runName: 'squares-{n}' }, async ({ n }) => {
  return half(await square.run(n))
})
`
const HALF = `export type Half = number
export function half(n: number): Half {
  return n / 2
}
`
const FILES = { 'flow.ts': FLOW, 'lib/half.ts': HALF }

test('the same files have the same bundle wherever they lie', async () => {
  await using here = await flowFolder()
  await using deep = await flowFolder('a/b/c/d e')
  const first = await bundleFlowFile(await here.write(FILES))
  const second = await bundleFlowFile(await deep.write(FILES))
  assert.equal(Buffer.from(second.bytes).toString(), Buffer.from(first.bytes).toString())
  assert.equal(second.hash, first.hash)
  assert.equal(first.hash, hash('sha256', first.bytes))
  assert.notEqual(first.sourceRoot, second.sourceRoot)
})

test('a bundle names no folder of the machine that made it', async () => {
  await using folder = await flowFolder()
  const text = Buffer.from((await bundleFlowFile(await folder.write(FILES))).bytes).toString()
  const map = Buffer.from(text.slice(text.lastIndexOf('base64,') + 7), 'base64').toString()
  const project = fileURLToPath(new URL('../..', import.meta.url))
  for (const each of [folder.path, project]) {
    assert.equal(text.includes(each), false)
    assert.equal(map.includes(each), false)
  }
  const { sources } = JSON.parse(map) as { sources: string[] }
  assert.ok(
    sources.includes('flow.ts') &&
      sources.includes('lib/half.ts') &&
      sources.some((each) => each.startsWith('qubus:///shared/flow/')),
  )
  for (const each of sources) assert.doesNotMatch(each, /\.\.\/\.\./)
})

test('another line of code, in the file or in what it imports, is another bundle', async () => {
  await using folder = await flowFolder()
  const hashes = [
    FILES,
    { ...FILES, 'flow.ts': FLOW.replace('n * n', 'n * n * 1') },
    { ...FILES, 'lib/half.ts': HALF.replace('/ 2', '/ 3') },
  ]
  const seen = new Set<string>()
  for (const files of hashes) seen.add((await bundleFlowFile(await folder.write(files))).hash)
  assert.equal(seen.size, 3)
})

test('zod and qubus are found where nothing is installed beside the flow, and the bundle needs neither', async () => {
  await using folder = await flowFolder()
  await using elsewhere = await flowFolder()
  const { bytes } = await bundleFlowFile(await folder.write(FILES))
  const path = await elsewhere.write({ 'bundle.mjs': Buffer.from(bytes).toString() })
  const { stdout } = await execa(
    process.execPath,
    [
      '-e',
      `import(${JSON.stringify(path)}).then(({ registry }) => console.log([...registry.flows.keys(), ...registry.tasks.keys()].join()))`,
    ],
    { cwd: elsewhere.path },
  )
  assert.equal(stdout, 'squares,square')
})

test("an author's own zod is the one that is used", async () => {
  await using folder = await flowFolder()
  const path = await folder.write({
    'flow.ts': `import { mine } from 'zod'\nimport { flow } from 'qubus'\nexport default flow(mine, () => 1)\n`,
    'node_modules/zod/package.json': '{ "name": "zod", "type": "module", "exports": "./index.js" }',
    'node_modules/zod/index.js': "export const mine = 'with my zod'\n",
  })
  assert.match(Buffer.from((await bundleFlowFile(path)).bytes).toString(), /with my zod/)
})

test("a stack names the author's file and line", async () => {
  await using folder = await flowFolder()
  const path = await folder.write({
    'flow.ts': `import { flow } from 'qubus'\nimport { fails } from './lib/fails.ts'\n\nexport default flow('f', () => {\n  fails()\n})\n`,
    'lib/fails.ts': `type Unused = { a: number }\n\nexport function fails(): never {\n  throw new Error('on line four')\n}\n`,
  })
  const bundle = await bundleFlowFile(path)
  const file = await writeBundle(join(folder.path, 'bundle.mjs'), bundle.bytes, bundle.sourceRoot)
  const call = `import(${JSON.stringify(file)}).then(({ registry }) => { try { registry.flows.get('f').fn() } catch (error) { console.log(error.stack) } })`
  const { stdout } = await execa(process.execPath, ['--enable-source-maps', '-e', call])
  assert.match(stdout, new RegExp(`at fails \\(${join(folder.path, 'lib/fails.ts')}:4:9\\)`))
  assert.ok(stdout.includes(`${join(folder.path, 'flow.ts')}:5:`), stdout)
})

test('sources are made absolute when a bundle is loaded, ours excepted', async () => {
  await using folder = await flowFolder()
  const { bytes } = await bundleFlowFile(await folder.write(FILES))
  const text = withAbsoluteSources(bytes, '/home/alice/flows')
  const map = JSON.parse(Buffer.from(text.slice(text.lastIndexOf('base64,') + 7), 'base64').toString()) as {
    sources: string[]
  }
  assert.ok(
    map.sources.includes('/home/alice/flows/flow.ts') &&
      map.sources.includes('/home/alice/flows/lib/half.ts'),
  )
  for (const each of map.sources) assert.match(each, /^(\/home\/alice\/flows\/|qubus:\/\/\/)/)
  assert.equal(withAbsoluteSources(bytes, undefined), Buffer.from(bytes).toString())
})

for (const [what, files, wanted] of [
  ['a syntax error', { 'flow.ts': 'const a = 1\n\nconst = 2\n' }, /^flow\.ts:3:7: /],
  [
    'a syntax error in what it imports',
    { 'flow.ts': "import './lib/b.ts'\n", 'lib/b.ts': 'let x: = 1\n' },
    /^lib\/b\.ts:1:8: /,
  ],
  [
    'a missing import',
    { 'flow.ts': "\nimport { x } from './nowhere.ts'\nx()\n" },
    /^flow\.ts:2:19: .*nowhere/,
  ],
  [
    'a package that is not installed',
    { 'flow.ts': "import 'no-such-package'\n" },
    /^flow\.ts:1:8: .*no-such-package/,
  ],
  [
    'a name that the other file does not have',
    { 'flow.ts': "import { y } from './b.ts'\ny()\n", 'b.ts': 'export const x = 1\n' },
    /^flow\.ts:1:10: .*y/,
  ],
  [
    'the client in flow code',
    { 'flow.ts': "import { connect } from 'qubus/client'\nconnect()\n" },
    /^flow\.ts:1:25: qubus\/client can't be used in flow code/,
  ],
] as const) {
  test(`${what} is BUNDLE_FAILED with file, line and column`, async () => {
    await using folder = await flowFolder()
    const path = await folder.write(files)
    await assert.rejects(bundleFlowFile(path), (error: Error & { code: string }) => {
      assert.equal(error.code, 'BUNDLE_FAILED')
      assert.match(error.message, wanted)
      return true
    })
  })
}

test('a file that is not there, or a folder, is BUNDLE_FAILED naming it', async () => {
  await using folder = await flowFolder()
  await assert.rejects(bundleFlowFile(join(folder.path, 'nobody.ts')), {
    code: 'BUNDLE_FAILED',
    message: /nobody\.ts: there is no such file/,
  })
  await assert.rejects(bundleFlowFile(folder.path), { code: 'BUNDLE_FAILED' })
})

test('a circuit beside the flow, JSON and a CommonJS package are bundled with it', async () => {
  await using folder = await flowFolder()
  const path = await folder.write({
    'flow.ts': `import { flow } from 'qubus'\nimport bell from './bell.qasm'\nimport numbers from './numbers.json' with { type: 'json' }\nimport old from 'old'\nexport default flow(old.name(), () => [bell, numbers])\n`,
    'bell.qasm': 'OPENQASM 2.0;\n',
    'numbers.json': '[1, 2]',
    'node_modules/old/package.json': '{ "name": "old", "main": "index.js" }',
    'node_modules/old/index.js':
      "const { basename } = require('node:path')\nexports.name = () => basename('/x/old flow')\n",
  })
  const { bytes } = await bundleFlowFile(path)
  const file = await folder.write({ 'out/bundle.mjs': Buffer.from(bytes).toString() })
  const { stdout } = await execa(process.execPath, [
    '-e',
    `import(${JSON.stringify(file)}).then(({ registry }) => console.log(JSON.stringify(registry.flows.get('old flow').fn())))`,
  ])
  assert.deepEqual(JSON.parse(stdout), ['OPENQASM 2.0;\n', [1, 2]])
})
