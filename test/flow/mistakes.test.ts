/** What authors get wrong in their code is said with its place, and with what to write instead. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { actorsForThisFile } from '../support/with-actors.ts'

const FILE = fileURLToPath(new URL('../fixtures/flows/mistakes.ts', import.meta.url))
const lines = readFileSync(FILE, 'utf8').split('\n')

const actors = await actorsForThisFile()
const flows = await actors.flows('mistakes.ts')

/** What follows `(file:line:column)` of the line that is marked with the name. */
type Said = [code: string, before: RegExp, after?: RegExp]

const MOVE =
  /^: move it to the top level of the file, where a worker finds it, and hand it as arguments what it takes/
const PLAIN = /, which cannot travel: (hand over plain data|await it first)/
const SAID: Record<string, Said> = {
  'task in a flow': ['INVALID_OPTION', /^task\("inner"\) is defined inside a flow $/, MOVE],
  'task in a helper': ['INVALID_OPTION', /^task\("late"\) is defined inside a flow $/, MOVE],
  'flow in a flow': ['INVALID_OPTION', /^flow\("inner flow"\) is defined inside a flow $/, MOVE],
  closure: ['INVALID_OPTION', /^task\("times"\) is defined inside a flow $/, MOVE],
  'task in a task': [
    'INVALID_OPTION',
    /^task "echo" was called inside a task \(.*mistakes\.ts:\d+:\d+\): call it in the function of a flow/,
  ],
  'only sometimes': [
    'UNKNOWN_TASK',
    /^no task "conditional" is defined when the file is loaded: define it at the top level, not inside a flow or a condition; there is: "echo", "returns", "nested"$/,
  ],
  'a function as an argument': [
    'UNENCODABLE',
    /^an argument of task "echo" $/,
    /^ holds a function at args\[0\]\.x\.y, which cannot travel/,
  ],
  'a symbol as an argument': [
    'UNENCODABLE',
    /^an argument of task "echo" $/,
    /^ holds a symbol at args\[1\]\[0\]/,
  ],
  'an instance as an argument': [
    'UNENCODABLE',
    /^an argument of task "echo" $/,
    /^ holds an instance of Point at args\[0\]\[k\]/,
  ],
  'a promise as an argument': [
    'UNENCODABLE',
    /^an argument of task "echo" $/,
    /^ holds an instance of Promise at args\[0\]\.later.*: await it first/,
  ],
  'an item of a map': [
    'UNENCODABLE',
    /^an argument of task "echo" $/,
    /^ holds a function at items\[1\], args\[0\]\.run/,
  ],
  'input of a sub-flow': [
    'UNENCODABLE',
    /^the input of flow "child" $/,
    /^ holds an instance of Point at input\.at\[0\]/,
  ],
  'metadata of a signal': ['UNENCODABLE', /^the input of signal ".*" $/, /an instance of Point at .*\.by/],
  'a result': [
    'UNENCODABLE',
    /^the result of task "returns" holds an instance of Point at \.list\[1\], which/,
  ],
  'an effect': ['UNENCODABLE', /^the result of side effect ".*" holds an instance of Point at \[0\], which/],
  'a result of the flow': [
    'UNENCODABLE',
    /^the result of the flow holds an instance of Point at \.point, which/,
  ],
  'a sleep that is none': ['INVALID_OPTION', /^sleep: .*NaN/],
}

describe('a run fails with a clear word', { concurrency: 4 }, () => {
  for (const [which, [code, before, after]] of Object.entries(SAID))
    it(`about ${which}`, async () => {
      const { state, error } = await flows.run('mistake', { which })
      const { message = '' } = error ?? {}
      assert.deepEqual([state, error?.code], ['failed', code], message)
      if (code === 'UNENCODABLE') assert.match(message, PLAIN)
      if (after === undefined) return assert.match(message, before)
      const mark = which === 'task in a helper' ? 'in a helper' : which
      const place = `(${FILE}:${lines.findIndex((line) => line.endsWith(`// ${mark}`)) + 1}:`
      const [said = '', rest] = message.split(place)
      assert.match(said, before)
      assert.match(rest?.replace(/^\d+\)/, '') ?? message, after)
    })
})
