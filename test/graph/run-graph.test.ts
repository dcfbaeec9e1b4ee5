import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { RunRequest } from '#shared/client/request.ts'
import { atEndOfFile } from '../support/leaks.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'

const actors = await actorsForThisFile({ coordinators: 2, pools: ['generic', 'cpu'], slots: 4 })
const { client } = actors
const folder = await tempHome()
atEndOfFile(async () => folder[Symbol.asyncDispose]())
await client.publish(fileURLToPath(new URL('../fixtures/flows/published.ts', import.meta.url)))

async function run(document: unknown, params?: object, more: Partial<RunRequest> = {}) {
  return client.outcome(await client.request({ flow: 'graph', params: { document, params }, ...more }))
}

describe('a graph', { concurrency: true }, () => {
  it('runs programs, sub-flows by name and sleeps, each with what earlier steps came to', async () => {
    const document = {
      name: 'all kinds',
      params: { first: 1, greeting: 'hello' },
      steps: {
        numbers: { program: 'printf', args: ['[%s, 2, 3]', '${{ params.first }}'], pool: 'cpu' },
        sum: {
          flow: 'sum',
          params: { numbers: '${{ fromJSON(steps.numbers.result.stdout) }}', label: 'of ${{ run.id }}' },
        },
        nap: { sleep: '${{ steps.sum.result.total }}0e-3', after: 'numbers' },
        typed: { sleep: '${{ params.first }}', after: 'numbers' },
        env: {
          program: 'env',
          env: { GREETING: '${{ params.greeting }}', TOTAL: '${{ steps.sum.result }}' },
          after: ['typed'],
        },
        cat: { program: 'cat', input: '${{ steps.sum.result.total }} ${{ steps.numbers.result.stdout }}' },
      },
      outputs: {
        sum: '${{ steps.sum.result }}',
        text: '${{ trim(steps.cat.result.stdout) }}!',
        env: '${{ steps.env.result.stdout }}',
      },
    }
    const wrong = await run(document, { first: 4 }, { run: 'kinds-1' })
    assert.deepEqual([wrong.state, wrong.error?.code], ['failed', 'INVALID_OPTION'])
    assert.match(
      wrong.error?.message ?? '',
      /^step "nap": sleep is 90e-3; a number of seconds from 0 is wanted$/,
    )
    const { nap: _, ...steps } = document.steps
    const { state, result, error } = await run({ ...document, steps }, { first: 0.5 }, { run: 'kinds-2' })
    assert.equal(state, 'completed', JSON.stringify(error))
    const { env, ...rest } = result as { env: string }
    assert.deepEqual(rest, { sum: { total: 5.5, label: 'of kinds-2' }, text: '5.5 [0.5, 2, 3]!' })
    assert.match(env, /^GREETING=hello$/m)
    assert.match(env, /^TOTAL=\{"total":5\.5,"label":"of kinds-2"\}$/m)
    const known = await client.find('kinds-2')
    assert.equal(known?.state === 'ended' && known.requested?.name, 'all kinds')
  })

  it('without outputs comes to the results of its steps; those that wait for nothing run at the same time', async () => {
    const sleeps = Object.fromEntries(Array.from({ length: 3 }, (_, i) => [`s${i}`, { sleep: 0.5 }]))
    const { run: id, result } = await run(`steps: ${JSON.stringify({ ...sleeps, t: { program: 'true' } })}`)
    const { t, ...others } = result as Record<string, { exitCode: number }>
    assert.equal(t?.exitCode, 0)
    assert.deepEqual(others, { s0: undefined, s1: undefined, s2: undefined })
    const slept = (await actors.history(id)).outcomes.filter(({ kind }) => kind === 'sleep')
    const lastStart = Math.max(...slept.map(({ queuedAt }) => queuedAt))
    assert.ok(slept.every(({ endedAt }) => lastStart < endedAt))
  })

  it('with a step that fails names it, cancels what runs, and begins nothing more', async () => {
    const request = client.request({
      flow: 'graph',
      run: 'failing',
      params: {
        document: {
          steps: {
            bad: { program: 'sh', args: ['-c', 'exit 7'], retries: 1 },
            long: { sleep: 600 },
            never: { program: 'true', after: 'bad' },
          },
        },
      },
    })
    const { state, error } = await client.outcome(await request)
    assert.deepEqual([state, error?.code], ['failed', 'PROGRAM_FAILED'])
    assert.match(error?.message ?? '', /^step "bad": .*7/)
    const { outcomes, counts } = await actors.history('failing')
    assert.deepEqual(outcomes.map((each) => [each.name, each.label, each.state]).sort(), [
      ['bad', undefined, 'failed'],
      ['sleep', 'long', 'cancelled'],
    ])
    assert.equal(counts['attempt'], 2)
  })

  it('that failed goes on from there: what completed is not done again', async () => {
    const file = join(folder.path, 'tries')
    const document = {
      steps: {
        first: { program: 'sh', args: ['-c', 'echo first >> "$0"; printf 1', file] },
        second: {
          program: 'sh',
          args: ['-c', 'echo second >> "$0"; test $(grep -c second "$0") = 2', file],
          after: 'first',
        },
      },
      outputs: ['${{ fromJSON(steps.first.result.stdout) }}', '${{ steps.second.result.exitCode }}'],
    }
    const { run: failed, error } = await run(document)
    assert.match(error?.message ?? '', /^step "second": /)
    const { run: again } = await client.retry(failed)
    assert.deepEqual(await client.result(again), [1, 0])
    assert.equal(readFileSync(file, 'utf8'), 'first\nsecond\nsecond\n')
  })

  it('whose reference finds nothing says what there is', async () => {
    const { state, error } = await run({
      steps: { a: { program: 'true' }, b: { program: 'echo', args: ['${{ steps.a.result.output }}'] } },
    })
    assert.deepEqual([state, error?.code], ['failed', 'INVALID_INPUT'])
    assert.match(
      error?.message ?? '',
      /^step "b": \$\{\{ steps\.a\.result\.output \}\} finds nothing: where "output" is looked for there is an object with exitCode, stdout/,
    )
    const lost = await run({ steps: { a: { program: 'true' } }, outputs: ['${{ steps.a.result.x }}'] })
    assert.match(lost.error?.message ?? '', /^outputs: .*finds nothing/)
  })

  it('that is wrong is refused before any work, whoever sent it', async () => {
    const { state, error, steps } = await run('steps:\n  a: { program: echo, after: b }\n')
    assert.deepEqual([state, error?.code, steps], ['failed', 'INVALID_INPUT', 0])
    assert.match(error?.message ?? '', /line 2: steps\.a\.after: there is no step "b"; steps are a$/)
  })

  it('gives a sub-flow no more time than its step has', async () => {
    const slow = { steps: { nap: { sleep: 600 } } }
    const { state, error } = await run(
      { steps: { inner: { flow: 'graph', params: { document: slow }, timeoutSeconds: 0.5 } } },
      {},
      { run: 'late' },
    )
    assert.equal(state, 'failed')
    assert.match(error?.message ?? '', /^step "inner": sub-flow "graph" \(run late-1\) failed: .*0\.5/)
  })

  it('is a sub-flow of another', async () => {
    const inner = {
      params: { n: null },
      steps: { a: { sleep: '${{ params.n }}' } },
      outputs: ['${{ params.n }}'],
    }
    // What is meant for the inner graph is escaped from the outer one.
    const escaped = JSON.parse(JSON.stringify(inner).replaceAll('${{', () => '$${{')) as unknown
    const { result, error } = await run({
      steps: { inner: { flow: 'graph', params: { document: escaped, params: { n: 0.01 } } } },
    })
    assert.deepEqual(result, { inner: [0.01] }, JSON.stringify(error))
  })
})

describe('a graph file', () => {
  it('is run with the circuits beside it, and is named after itself', async () => {
    const file = join(folder.path, 'beside.yaml')
    await writeFile(
      file,
      'params: { n: }\nsteps:\n  a: { program: echo, args: ["${{ params.n }}"] }\noutputs: ${{ trim(steps.a.result.stdout) }}\n',
    )
    assert.equal(await client.run(file, { n: 5 }, { run: 'beside-1' }), '5')
    const known = await client.find('beside-1')
    assert.equal(known?.state === 'ended' && known.requested?.name, 'beside')
  })

  it("is published as a flow of its own: its parameters are the flow's, its circuits are in it", async () => {
    await writeFile(join(folder.path, 'one.qasm'), 'OPENQASM 2.0;\nqreg q[1];\ncreg c[1];\nmeasure q -> c;\n')
    const file = join(folder.path, 'greet.yaml')
    const text = (greeting: string): string => `name: greet people
params: { who: , greeting: ${greeting}, circuit: false }
steps:
  say: { program: echo, args: ["\${{ params.greeting }}, \${{ params.who }}"] }
  never: { circuit: { file: one.qasm }, device: nobody, after: wait }
  wait: { sleep: 600 }
outputs: \${{ trim(steps.say.result.stdout) }}
`
    const short = text('hello').replace(/ {2}never.*\n {2}wait.*\n/, '')
    await writeFile(file, short)
    const [first] = await client.publish(file)
    assert.deepEqual([first?.flow, first?.change], ['greet people', 'new'])
    assert.equal(await client.run('greet people', { who: 'Ada' }), 'hello, Ada')
    await assert.rejects(client.run('greet people', {}), {
      code: 'INVALID_INPUT',
      message: /params\.who: has no default/,
    })
    assert.deepEqual((await client.flows()).find(({ flow }) => flow === 'greet people')?.input, {
      type: 'object',
      properties: { who: {}, greeting: { default: 'hello' }, circuit: { default: false } },
      required: ['who'],
      additionalProperties: false,
    })
    const asked = await run({
      steps: { inner: { flow: 'greet people', params: { who: 'all', greeting: 'hi' } } },
    })
    assert.deepEqual(asked.result, { inner: 'hi, all' }, JSON.stringify(asked.error))
    assert.equal((await client.publish(file))[0]?.change, 'unchanged')
    await writeFile(file, text('hello'))
    assert.deepEqual(
      (await client.publish(file)).map(({ change, was }) => [change, was?.version]),
      [['changed', first?.version]],
    )
  })

  it('that is wrong is refused with file, line and path before anything is sent', async () => {
    const file = join(folder.path, 'wrong.yaml')
    const says = async (text: string): Promise<string> => {
      await writeFile(file, text)
      const error = await client.run(file, {}, { run: 'never-sent' }).catch((thrown: Error) => thrown)
      assert.equal((error as { code: string }).code, 'INVALID_INPUT')
      return (error as Error).message
    }
    assert.match(
      await says('steps:\n  a: { sleep: x }\n  b: { after: a }\n'),
      /wrong\.yaml:2: steps\.a\.sleep: found "x".*\n.*wrong\.yaml:3: steps\.b: found only after/,
    )
    assert.match(
      await says('steps:\n  a:\n    circuit: { file: none.qasm }\n'),
      /wrong\.yaml:3: steps\.a\.circuit\.file: the circuit .*none\.qasm can't be read: there is no such file$/,
    )
    await writeFile(join(folder.path, 'bad.qasm'), 'OPENQASM 2.0;\nqreg q[1]')
    assert.match(
      await says('steps:\n  a:\n    circuit: { file: bad.qasm }\n'),
      /wrong\.yaml:3: steps\.a\.circuit: the circuit, line 2, column \d+: expected ';'/,
    )
    assert.equal(await client.find('never-sent'), undefined)
    await assert.rejects(client.publish(file), { code: 'INVALID_INPUT', message: /wrong\.yaml:3: / })
  })
})

describe('a graph in its midst', () => {
  it('goes on when its coordinator is killed: exact, each step executed and recorded once', async () => {
    const file = join(folder.path, 'executed')
    const chains = Array.from({ length: 8 }, (_, i) => i)
    const program = (name: string, more: object) => ({
      program: 'sh',
      args: ['-c', 'echo "$0" >> "$1"; printf %s "$2"', name, file, '${{ params.base }}'],
      ...more,
    })
    const steps = Object.fromEntries(
      chains.flatMap((i) => [
        [`first${i}`, program(`first${i}`, {})],
        [`nap${i}`, { sleep: 4, after: `first${i}` }],
        [
          `last${i}`,
          program(`last${i}`, {
            args: [
              '-c',
              'echo "$0" >> "$1"; printf %s "$2"',
              `last${i}`,
              file,
              `\${{ steps.first${i}.result.stdout }}${i}`,
            ],
            after: [`nap${i}`],
          }),
        ],
      ]),
    )
    const outputs = chains.map((i) => `\${{ fromJSON(steps.last${i}.result.stdout) }}`)
    const run = await client.request({
      flow: 'graph',
      params: { document: { params: { base: null }, steps, outputs }, params: { base: 7 } },
    })
    await until('the naps to be on record', async () => (await actors.history(run)).counts['timer'] === 8)
    const holder = (await client.inspect(run))?.coordinator ?? ''
    const victim = actors.coordinators.find(({ pid }) => holder.endsWith(`-${pid}`))
    assert.ok(victim, holder)
    await actors.kill(victim)
    const { state, result, error } = await client.outcome(run)
    assert.equal(state, 'completed', JSON.stringify(error))
    assert.deepEqual(
      result,
      chains.map((i) => 70 + i),
    )
    const { outcomes, counts } = await actors.history(run)
    assert.deepEqual(
      outcomes.map(({ step }) => step).sort((a, b) => a - b),
      Array.from({ length: 24 }, (_, i) => i + 1),
    )
    assert.deepEqual([counts['outcome'], counts['completed'], counts['timer']], [24, 1, 8])
    assert.deepEqual(
      readFileSync(file, 'utf8').trim().split('\n').sort(),
      chains.flatMap((i) => [`first${i}`, `last${i}`]).sort(),
    )
    assert.notEqual(
      await client.find(run).then((known) => known?.state === 'ended' && known.completed.writer),
      holder,
    )
  })
})
