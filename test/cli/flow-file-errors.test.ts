/** What is wrong with a flow file is said before any work, by file and line, with what to write instead. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flowFolder } from '../bundle/flow-files.ts'
import { qubus } from './qubus.ts'

const FLOW = "import { flow } from 'qubus'\n"
const EMPTY = "export default flow('f', () => 1)\n"
const ADD_ON = /can't be part of a flow's bundle: .*program\('node', .*createRequire\(/

const WRONG: Record<string, { files: Record<string, string>; run?: string; says: RegExp[] }> = {
  'it is not there': { files: {}, says: [/^error: flow\.ts: there is no such file$/] },
  'it has a syntax error': {
    files: { 'flow.ts': `${FLOW}export default flow('f', () => {\n  const = 2\n})\n` },
    says: [/^error: flow\.ts:3:9: Expected identifier/],
  },
  'what it imports has one': {
    files: { 'flow.ts': `${FLOW}import './b.ts'\n${EMPTY}`, 'b.ts': 'let x: = 1\n' },
    says: [/^error: b\.ts:1:8: Unexpected "="/],
  },
  'a file that it imports is not there': {
    files: { 'flow.ts': `${FLOW}import './nowhere.ts'\n${EMPTY}` },
    says: [/^error: flow\.ts:2:8: Could not resolve "\.\/nowhere\.ts": there is no such file$/],
  },
  'a package that it imports is not installed': {
    files: { 'flow.ts': `${FLOW}import { x } from '@no/such/deep.js'\n${EMPTY}x()\n` },
    says: [/^error: flow\.ts:2:19: Could not resolve "@no\/such\/deep\.js".*\(npm install @no\/such\)$/],
  },
  'it has no default export': {
    files: { 'flow.ts': `${FLOW}export const one = flow('one', () => 1)\n` },
    says: [/flow\.ts exports no flow as its default; write one of: flow\.ts#one$/],
  },
  'it defines a flow that it does not export': {
    files: { 'flow.ts': `${FLOW}flow('one', () => 1)\n` },
    says: [/flow\.ts exports no flow as its default; .*export default flow\("one", …\)$/],
  },
  'it defines no flow': {
    files: { 'flow.ts': 'export const a = 1\n' },
    says: [/flow\.ts exports no flow as its default; write: export default flow\('name', async/],
  },
  'its default export is no flow': {
    files: { 'flow.ts': 'export default async function main() {}\n' },
    says: [/flow\.ts exports a function as its default, which is no flow; write: export default flow\(/],
  },
  'the named export is no flow': {
    files: { 'flow.ts': `${FLOW}export const n = 5\nexport const one = flow('one', () => 1)\n` },
    run: 'flow.ts#n',
    says: [/flow\.ts exports a number as "n", which is no flow; write one of: flow\.ts#one$/],
  },
  'it throws while it is loaded': {
    files: {
      'flow.ts': `${FLOW}import { boom } from './b.ts'\nboom()\n${EMPTY}`,
      'b.ts': "export function boom(): void {\n  throw new RangeError('too early')\n}\n",
    },
    says: [/^error: \/.*\/b\.ts:2:9: the flow file failed while it was loaded: RangeError: too early$/],
  },
  'an await at its top level fails': {
    files: {
      'flow.ts': `import { readFile } from 'node:fs/promises'\n${FLOW}const s = await readFile('/nowhere/s.json')\n${EMPTY}`,
    },
    says: [/^error: \/.*\/flow\.ts:3:11: .*: Error: ENOENT: .*'\/nowhere\/s\.json'$/],
  },
  'an await at its top level never ends': {
    files: { 'flow.ts': `${FLOW}await new Promise(() => {})\n${EMPTY}` },
    says: [/^error: the flow file failed while it was loaded: .*top level never comes to an end$/],
  },
  'a package throws while it is loaded': {
    files: {
      'flow.ts': `${FLOW}import old from 'old'\n${EMPTY}old()\n`,
      'node_modules/old/package.json': '{ "name": "old", "main": "index.js" }',
      'node_modules/old/index.js': '\nmodule.exports = __dirname\n',
    },
    says: [
      /^error: \/.*\/flow\.ts:2:\d+: .*__dirname is not defined.*\(at \/.*\/node_modules\/old\/index\.js:2:18\)$/,
    ],
  },
  'a task has the name of another': {
    files: {
      'flow.ts': `import { flow, task } from 'qubus'\ntask('same', () => 1)\n\ntask('same', () => 2)\n${EMPTY}`,
    },
    says: [/^error: \/.*\/flow\.ts:4:1: .*task "same" is defined twice.*give one another name$/],
  },
  'a task is run where it is defined': {
    files: {
      'flow.ts': `import { flow, task } from 'qubus'\nconst t = task('t', () => 1)\nawait t.run()\n${EMPTY}`,
    },
    says: [
      /^error: \/.*\/flow\.ts:3:9: .*task "t" was called outside of a flow \(\/.*\/flow\.ts:3:9\): call it in/,
    ],
  },
  'it imports a native add-on': {
    files: { 'flow.ts': `${FLOW}import fast from './fast.node'\n${EMPTY}fast()\n`, 'fast.node': '\u007fELF' },
    says: [/^error: \/.*\/flow\.ts:2:18: .*\.\/fast\.node is a native add-on, which/, ADD_ON],
  },
  'a package of it is a native add-on': {
    files: {
      'flow.ts': `${FLOW}import fast from '@very/fast'\n${EMPTY}fast()\n`,
      'node_modules/@very/fast/package.json': '{ "name": "@very/fast", "main": "index.js" }',
      'node_modules/@very/fast/index.js': "module.exports = require('./build/Release/fast.node')\n",
      'node_modules/@very/fast/build/Release/fast.node': '\u007fELF',
    },
    says: [
      /^error: \/.*\/flow\.ts:2:18: .*the package @very\/fast has a native add-on \(.*fast\.node\), which/,
      ADD_ON,
    ],
  },
  'a package of it looks for its native add-on': {
    files: {
      'flow.ts': `${FLOW}import fast from 'fast'\n${EMPTY}fast()\n`,
      'node_modules/fast/package.json': '{ "name": "fast", "main": "index.js" }',
      'node_modules/fast/index.js': "module.exports = require('node-gyp-build')(__dirname)\n",
    },
    says: [/^error: \/.*\/flow\.ts:2:18: .*the package fast has a native add-on, which/, ADD_ON],
  },
}

for (const [what, { files, run = 'flow.ts', says }] of Object.entries(WRONG)) {
  test(`a flow file is refused when ${what}`, async () => {
    await using folder = await flowFolder()
    await folder.write(files)
    const { exitCode, stderr, stdout } = await qubus(['run', run], {
      home: `${folder.path}/home`,
      cwd: folder.path,
    })
    for (const each of says) assert.match(stderr.trimEnd(), each)
    assert.deepEqual([exitCode, stdout], [2, ''])
  })
}

test('a package that goes on without its native add-on is bundled', async () => {
  await using folder = await flowFolder()
  await folder.write({
    'flow.ts': `${FLOW}import { slow } from 'maybe'\nif (!slow) throw new Error('it was found')\n${EMPTY}`,
    'node_modules/maybe/package.json': '{ "name": "maybe", "main": "index.js" }',
    'node_modules/maybe/index.js':
      "try {\n  exports.fast = require('./build/Release/fast.node')\n} catch {\n  exports.slow = true\n}\n",
  })
  const { exitCode, stderr } = await qubus(['run', 'flow.ts'], {
    home: `${folder.path}/home`,
    cwd: folder.path,
  })
  assert.match(stderr, /no system was started/)
  assert.equal(exitCode, 3)
})

test('what createRequire loads from where it is installed is no part of the bundle', async () => {
  await using folder = await flowFolder()
  await folder.write({
    'flow.ts': `import { createRequire } from 'node:module'\n${FLOW}const require = createRequire(${JSON.stringify(`${folder.path}/`)})\nif (!require('old').endsWith('/old')) throw new Error('another')\n${EMPTY}`,
    'node_modules/old/package.json': '{ "name": "old", "main": "index.js" }',
    'node_modules/old/index.js': 'module.exports = __dirname\n',
  })
  const { exitCode, stderr } = await qubus(['run', 'flow.ts'], {
    home: `${folder.path}/home`,
    cwd: folder.path,
  })
  assert.match(stderr, /no system was started/)
  assert.equal(exitCode, 3)
})
