import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkGraph } from '#shared/graph/check-graph.ts'
import { graphInput } from '#shared/graph/input.ts'

/** What is said of a document as text, a line each. */
async function said(document: unknown, params?: unknown): Promise<string[]> {
  const result = await graphInput['~standard'].validate({ document, params })
  return result.issues?.map(({ message }) => message) ?? []
}

const GOOD = `
name: good
params: { shots: 100, label: }
pool: cpu
steps:
  last: { program: printf, args: ["%s", "\${{ steps.bell.result.counts }}", 3, true], after: [nap], pool: gpu, gpus: 1, memory: 1GB }
  nap: { sleep: 0.5, after: sub }
  bell: { circuit: "\${{ params.label }}", shots: "\${{ params.shots }}", retries: 2, limit: lab }
  sub: { flow: report, params: { of: "\${{ steps.bell.result }}" }, timeoutSeconds: 60 }
outputs: ["\${{ steps.last.result.stdout }}"]
`

describe('a graph that is right', () => {
  it('is a list of steps, none before what it waits for, each with its options and the parameters it was given', async () => {
    const result = await graphInput['~standard'].validate({ document: GOOD, params: { label: 'L' } })
    assert.equal(result.issues, undefined)
    assert.deepEqual('value' in result && result.value, {
      name: 'good',
      params: { shots: 100, label: 'L' },
      steps: [
        {
          name: 'bell',
          kind: 'circuit',
          source: '${{ params.label }}',
          shots: '${{ params.shots }}',
          after: [],
          options: { retries: 2, limit: 'lab' },
        },
        {
          name: 'sub',
          kind: 'flow',
          flow: 'report',
          params: { of: '${{ steps.bell.result }}' },
          after: ['bell'],
          options: { pool: 'cpu', timeoutSeconds: 60 },
        },
        { name: 'nap', kind: 'sleep', seconds: 0.5, after: ['sub'], options: {} },
        {
          name: 'last',
          kind: 'program',
          file: 'printf',
          args: ['%s', '${{ steps.bell.result.counts }}', 3, true],
          after: ['nap', 'bell'],
          options: { pool: 'gpu', gpus: 1, memory: '1GB' },
        },
      ],
      outputs: ['${{ steps.last.result.stdout }}'],
    })
  })

  it('may be JSON, as text or as a value', async () => {
    const content = { steps: { a: { program: 'echo' } } }
    for (const document of [content, JSON.stringify(content)]) assert.deepEqual(await said(document), [])
  })
})

it('the graph of the README is right', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const graph = /^```yaml\n(name: bell-report[\s\S]*?)^```/m.exec(readme)?.[1]
  assert.ok(graph !== undefined)
  const bell = 'OPENQASM 2.0; qreg q[1]; creg c[1]; measure q -> c;'
  assert.deepEqual(await said(graph.replace('{ file: bell.qasm }', bell), { angle: 1 }), [])
})

describe('a graph that is wrong is refused with line, path, what was found and what to write:', () => {
  const wrong: [what: string, document: unknown, says: (string | RegExp)[]][] = [
    ['no document', undefined, [/"document" is missing/]],
    ['no YAML', 'steps: [', [/^line 1: this is neither YAML nor JSON: /]],
    ['a bomb of aliases', bomb(), [/can't be read/]],
    [
      'a list',
      '- a',
      ['found ["a"]: write a document with "steps", such as "hello: { program: echo, args: [hello] }"'].map(
        (text) => `line 1: ${text}`,
      ),
    ],
    ['no steps', 'name: x', [/^line 1: steps: found nothing: write steps by name, such as/]],
    [
      'a name that is there twice',
      'steps:\n  fit: { sleep: 1 }\n  fit: { sleep: 2 }\n',
      ['line 3: found "fit" twice: give each a name of its own'],
    ],
    [
      'such a name in JSON',
      '{"steps": {"a": {"sleep": 1},\n "a": {"sleep": 2}}}',
      ['line 2: found "a" twice: give each a name of its own'],
    ],
    [
      'an unknown key',
      'stepz: {}\nsteps: { a: { sleep: 1 } }',
      [/^line 1: stepz: this key is not known: did you mean 'steps'\?; known are name, params/],
    ],
    [
      'a step of no kind, of two kinds, or none at all',
      'steps:\n  a: { args: [1] }\n  b: { sleep: 1, program: x }\n  c:\n  d: echo\n',
      [
        /^line 2: steps\.a: found only args: write exactly one of: program: echo; circuit: /,
        /^line 3: steps\.b: found program and sleep: write exactly one of/,
        /^line 4: steps\.c: found null: write what it does/,
        /^line 5: steps\.d: found "echo": write what it does/,
      ],
    ],
    [
      'keys and options that do not fit',
      'steps:\n  a:\n    program: echo\n    args: hello\n    retrys: 3\n    retries: -1\n    cores: 0\n    pool: 7\n  b: { sleep: soon, pool: cpu }\n',
      [
        /^line 5: steps\.a\.retrys: a program step has no such key: did you mean 'retries'\?; it has program, after, args/,
        /^line 6: steps\.a\.retries: this step: retries is -1; an integer from 0 is wanted$/,
        /^line 8: steps\.a\.pool: found 7: write the name of a pool$/,
        /^line 7: steps\.a\.cores: this step: cores is 0; /,
        /^line 4: steps\.a\.args: found "hello": write a list, such as \[--count, 3\]$/,
        /^line 9: steps\.b\.pool: a sleep step has no such key/,
        /^line 9: steps\.b\.sleep: found "soon": write a number of seconds from 0, or a reference$/,
      ],
    ],
    [
      'references to what is not there',
      `params: { shots: 1 }\nsteps:\n  fit: { program: echo, after: [fid, nope] }\n  plot:\n    program: echo\n    args:\n      - "\${{ steps.fitt.result }}"\n      - "\${{ params.shot }}"\n      - "\${{ steps.fit.outputs }}"\noutputs: { x: "\${{ steps.gone.result }}" }\n`,
      [
        /^line 3: steps\.fit\.after: there is no step "fid": did you mean 'fit'\?; steps are fit, plot$/,
        /^line 3: steps\.fit\.after: there is no step "nope"; steps are fit, plot$/,
        /^line 7: steps\.plot\.args\[0\]: \$\{\{ steps\.fitt\.result \}\}: there is no step "fitt": did you mean 'fit'\?/,
        /^line 8: steps\.plot\.args\[1\]: .*there is no parameter "shot": did you mean 'shots'\?/,
        /^line 9: steps\.plot\.args\[2\]: .*"\.result" is missing, found "outputs"/,
        /^line 10: outputs\.x: .*there is no step "gone"/,
      ],
    ],
    [
      'a circle, through names or references',
      `steps:\n  a: { sleep: 1, after: b }\n  b: { program: echo, args: ["\${{ steps.c.result }}"] }\n  c: { sleep: 1, after: a }\n`,
      [
        'line 2: steps.a: these wait for each other in a circle: a waits for b waits for c waits for a; take away one "after" or reference',
      ],
    ],
    [
      'a circuit that can not be read',
      'steps:\n  a:\n    circuit: |\n      OPENQASM 2.0;\n      qreg q[1]\n  b: { circuit: { file: x.qasm } }\n  c: { circuit: "", shots: 0 }\n',
      [
        /^line 6: steps\.b\.circuit: found \{"file":"x\.qasm"\}: the text of a file is put here by qubus run/,
        /^line 7: steps\.c\.circuit: found "": write OpenQASM text/,
        /^line 7: steps\.c\.shots: found 0: write a whole number from 1, or a reference$/,
        /^line 3: steps\.a\.circuit: the circuit, line \d+, column \d+: /,
      ],
    ],
    [
      'a name that is none',
      'steps: { 1st: { sleep: 1 } }',
      [/^line 1: steps\["1st"\]: a step's name begins with a letter/],
    ],
  ]
  for (const [what, document, says] of wrong)
    it(what, async () => {
      const found = await said(document)
      assert.equal(found.length, says.length, found.join('\n'))
      for (const [i, each] of says.entries())
        if (typeof each === 'string') assert.equal(found[i], each)
        else assert.match(found[i] ?? '', each)
    })

  it('parameters that are missing, unknown or no object', async () => {
    const document = 'params:\n  n:\n  label: x\nsteps: { a: { sleep: 1 } }'
    assert.deepEqual(await said(document, { lable: 1 }), [
      'line 1: params: a value was given for "lable", which is no parameter: did you mean \'label\'?; parameters are n, label',
      'line 2: params.n: has no default and was given no value: give one (-p n=…), or write a default',
    ])
    assert.deepEqual(await said(document, { n: 0 }), [])
    assert.match((await said(document, [1]))[0] ?? '', /params: was given \[1\]: give an object/)
  })
})

describe('any document', () => {
  it('is checked without an error of ours, and comes out in an order that its steps can begin in', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd')
    const reference = fc
      .tuple(name, fc.constantFrom('', '.x', '[0]'))
      .map(([step, path]) => `\${{ steps.${step}.result${path} }}`)
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), reference, name)
    const step = fc.oneof(
      fc.record(
        { program: fc.constant('echo'), args: fc.array(value), after: fc.oneof(name, fc.array(name)) },
        { requiredKeys: ['program'] },
      ),
      fc.record({ sleep: value, after: name, pool: value }, { requiredKeys: ['sleep'] }),
      fc.record({ flow: value, params: value, retries: value }, { requiredKeys: ['flow'] }),
      value,
    )
    const document = fc.record(
      { steps: fc.oneof(fc.dictionary(name, step), value), outputs: value, params: value, name: value },
      { requiredKeys: ['steps'] },
    )
    fc.assert(
      fc.property(fc.oneof(document, fc.jsonValue()), (content) => {
        const { graph, problems } = checkGraph(content, undefined)
        if (graph === undefined) return assert.ok(problems.length > 0)
        const begun = new Set<string>()
        for (const each of graph.steps) {
          assert.ok(each.after.every((before) => begun.has(before)))
          begun.add(each.name)
        }
      }),
      { numRuns: 500 },
    )
  })
})

function bomb(): string {
  const lines = Array.from(
    { length: 12 },
    (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`,
  )
  return `a0: &a0 x\n${lines.join('\n')}\n`
}
