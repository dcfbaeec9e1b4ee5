/** `qubus replay` of runs that a real coordinator and worker did. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { STREAM } from '#shared/contract/streams.ts'
import { record } from '#shared/contract/subjects.ts'
import { tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { actorsForThisFile } from '../support/with-actors.ts'
import { codeOf, qubus, type Said, start } from './qubus.ts'

const ORDERS = fileURLToPath(new URL('../fixtures/flows/orders.ts', import.meta.url))
const source = await readFile(ORDERS, 'utf8')
const actors = await actorsForThisFile()
const flows = await actors.flows('orders.ts')
const home = actors.broker.home
const replay = (...args: string[]): Promise<Said> => qubus(['replay', ...args], { home })

type Line = Record<string, unknown>
type Last = {
  same: boolean
  complete: boolean
  steps: number
  difference?: { message: string; at: string; step: number }
}

const lineOf = (text: string): number => source.slice(0, source.indexOf(text)).split('\n').length
const stepsIn = (lines: Line[]): unknown[][] =>
  lines.flatMap(({ step, kind, name, recorded }) =>
    kind === undefined ? [] : [[step, kind, name, recorded]],
  )
const lastOf = ({ lines }: Said): Last & Line => lines.at(-1) as Last & Line

function ended(process: ReturnType<typeof start>) {
  return {
    process,
    async [Symbol.asyncDispose]() {
      process.kill('SIGKILL')
      await process
    },
  }
}

/** How many messages the broker took in all streams that a run may write to. */
async function written(): Promise<number[]> {
  const streams = [STREAM.runs, STREAM.flows, STREAM.tasks, STREAM.logs, STREAM.events]
  return Promise.all(
    streams.map(async (stream) => {
      const info = await actors.bus.nc.request(`$JS.API.STREAM.INFO.${stream}`)
      return (info.json() as { state: { last_seq: number } }).state.last_seq
    }),
  )
}

async function changed(folder: string, from: string, to: string): Promise<string> {
  assert.ok(source.includes(from))
  const file = join(folder, 'orders.ts')
  await writeFile(file, source.replace(from, to))
  return file
}

describe('a run that has ended', () => {
  const params = { items: ['tea', 'cake'] }
  let run: string

  it('is replayed the same, step by step, and nothing is written', async () => {
    run = await flows.request('orders', params)
    const { result } = await actors.client.outcome(run)
    const before = await written()
    const { exitCode, lines, stderr } = await replay(run, '--json')
    assert.equal(exitCode, 0, stderr)
    assert.deepEqual(stepsIn(lines), [
      [1, 'task', 'price', 'same'],
      [2, 'task', 'price', 'same'],
      [3, 'side-effect', 'tax', 'same'],
      [4, 'task', 'price', 'same'],
    ])
    assert.match(
      String(lines.find(({ step }) => step === 4)?.['at']),
      new RegExp(`^${ORDERS}:${lineOf('price.run(`total')}:`),
    )
    const logged = lines.find(({ replayed }) => replayed === true)
    assert.deepEqual([logged?.['text'], logged?.['fields']], ['begins', params])
    const { same, complete, recorded, result: again, state } = lines.at(-1) as Line
    assert.deepEqual([same, complete, state], [true, true, 'completed'])
    assert.deepEqual(again, {
      ...(result as { when: Date }),
      when: (result as { when: Date }).when.toISOString(),
    })
    assert.deepEqual(recorded, { state, result: again })
    assert.deepEqual(await written(), before)
  })

  it('for people, shows where each step is, and its result', async () => {
    const { exitCode, stdout, stderr } = await replay(run)
    assert.equal(exitCode, 0)
    assert.match(stdout, /flow +info +begins \{"items":\["tea","cake"\]\} \(replayed\)/)
    assert.match(stdout, new RegExp(`3 +side-effect tax +same +${ORDERS}:${lineOf('sideEffect(')}:\\d+`))
    assert.match(stdout, /"total": 10/)
    assert.match(stderr, /replayed with the code that it had\nthe same: completed, 4 steps/)
  })

  it('with a changed file, names the first call that differs and its line', async () => {
    await using folder = await tempHome()
    const otherCall = await changed(folder.path, 'price.run(`total of', 'price.run(`sum of')
    const { exitCode, lines } = await replay(run, '--flow', otherCall, '--json')
    assert.equal(exitCode, 1)
    const { same, difference } = lines.at(-1) as Line & Last
    assert.equal(same, false)
    assert.match(difference?.at ?? '', new RegExp(`^${otherCall}:${lineOf('price.run(`total')}:\\d+$`))
    assert.match(
      difference?.message ?? '',
      /^step 4: the flow asks for task "price" with \["sum of 2"\], but was given the outcome of "price" with other arguments/,
    )
    assert.deepEqual(stepsIn(lines).at(-1), [4, 'task', 'price', 'other'])

    const oneMore = await changed(folder.path, '  return { prices', '  await sleep(1)\n  return { prices')
    const more = lastOf(await replay(run, '--flow', oneMore, '--json'))
    assert.match(
      more.difference?.message ?? '',
      /^step 5: .* sleep .* but the run had completed after 4 steps/,
    )
    assert.match(more.difference?.at ?? '', new RegExp(`:${lineOf('  return { prices')}:\\d+$`))

    const otherResult = await changed(folder.path, 'return { prices, tax', 'return { tax')
    const result = await replay(run, '--flow', `${otherResult}#default`)
    assert.equal(result.exitCode, 1)
    assert.match(
      result.stderr,
      /not the same, at .*orders\.ts:\d+:\d+\nthe flow completed with .*, but the run had completed with .*"prices":\[3,4\]/,
    )

    const fewer = await changed(folder.path, 'const total = await', 'const total = 10 //')
    assert.match(
      lastOf(await replay(run, '--flow', fewer, '--json')).difference?.message ?? '',
      /the flow ended after 3 steps, but had asked for 4; its last call was side-effect "tax" \(step 3\)/,
    )
  })

  it('with a file that makes the same calls in other words, is the same', async () => {
    await using folder = await tempHome()
    const file = await changed(
      folder.path,
      'const prices = await price.map(items)',
      'const prices = await Promise.all(items.map((each) => price.submit(each)))',
    )
    const { exitCode, stderr } = await replay(run, '--flow', file)
    assert.equal(exitCode, 0, stderr)
    assert.match(stderr, /as it is now\nthe same: completed, 4 steps/)
  })

  it('that is unknown, or with a bad file, is bad input', async () => {
    await using folder = await tempHome()
    assert.deepEqual(codeOf((await replay('nobody', '--json')).lines.at(-1)), 'UNKNOWN_RUN')
    assert.equal((await replay('nobody')).exitCode, 2)
    assert.equal((await replay(run, '--flow', join(folder.path, 'none.ts'))).exitCode, 2)
    const { exitCode, stderr } = await replay(run, '--flow', `${ORDERS}#fails`)
    assert.equal(exitCode, 2)
    assert.match(stderr, /exports no flow named "fails"/)
    assert.match(
      (await replay(run, '--inspect=some/where')).stderr,
      /--inspect "some\/where": write --inspect/,
    )
  })

  it('and whose log is kept no more, says so', async () => {
    const filter = record(run).all.replace(/>$/, 'step.>')
    await actors.bus.nc.request(`$JS.API.STREAM.PURGE.${STREAM.runs}`, JSON.stringify({ filter }))
    const { exitCode, lines, stderr } = await replay(run, '--json')
    assert.deepEqual([exitCode, codeOf(lines.at(-1))], [2, 'NOT_REPLAYABLE'])
    assert.match(stderr, /kept no more .*QUBUS_RETENTION/)
  })
})

it('a run that failed, one that was tried again, and one that took too long are replayed the same', async () => {
  const runs = new Map<string, string>()
  for (const flow of ['breaks', 'again', 'late']) runs.set(flow, await flows.request(flow))
  const states = new Map<string, string>()
  for (const [flow, run] of runs) states.set(flow, (await actors.client.outcome(run)).state)
  assert.deepEqual([...states.values()], ['failed', 'completed', 'failed'])
  const said = new Map<string, Said>()
  for (const [flow, run] of runs) said.set(flow, await replay(run))
  for (const [flow, { exitCode, stderr }] of said) assert.equal(exitCode, 0, `${flow}: ${stderr}`)
  assert.match(said.get('breaks')?.stdout ?? '', /RangeError: sold out/)
  assert.match(said.get('breaks')?.stderr ?? '', /the same: failed, 5 steps/)
  assert.match(
    said.get('again')?.stdout ?? '',
    /^attempt 1 of the flow\n.*\n.*failed.*\nattempt 2 of the flow\n/,
  )
  assert.match(said.get('late')?.stderr ?? '', /the same, 2 steps, up to where .* RUN_TIMEOUT/)
})

it('a graph is replayed, also by the document as it is now', async () => {
  await using folder = await tempHome()
  const file = join(folder.path, 'greeting.yaml')
  const graph = (words: string): string =>
    `name: greeting\nparams: { who: you }\nsteps:\n  hello:\n    program: echo\n    args: ['${words} \${{ params.who }}']\n`
  await writeFile(file, graph('hello'))
  const ran = await qubus(['run', file, '-p', 'who=me', '--json'], { home })
  const run = String(ran.lines.at(-1)?.['run'])
  assert.equal(ran.exitCode, 0, ran.stderr)
  assert.equal((await replay(run)).exitCode, 0)
  assert.equal((await replay(run, '--flow', file)).exitCode, 0)
  await writeFile(file, graph('good-bye'))
  const { exitCode, lines } = await replay(run, '--flow', file, '--json')
  assert.equal(exitCode, 1)
  assert.match((lines.at(-1) as Last).difference?.message ?? '', /^step 1: .*good-bye me/)
})

it('a run under way is replayed as far as it is recorded', async () => {
  const run = await flows.request('waits')
  await until('the wait', async () => (await actors.history(run)).counts['wait'])
  const { exitCode, lines } = await replay(run, '--json')
  assert.equal(exitCode, 0)
  assert.deepEqual(stepsIn(lines), [
    [1, 'task', 'price', 'same'],
    [2, 'signal', 'wait never', 'none'],
  ])
  const { same, complete, steps } = lines.at(-1) as Line
  assert.deepEqual([same, complete, steps], [true, false, 2])
  assert.match(
    (await replay(run)).stderr,
    /the same so far: the run is under way, and the flow has asked for 2 steps/,
  )
  await actors.client.signals.set('never')
  assert.equal((await actors.client.outcome(run)).state, 'completed')
  await actors.client.signals.clear('never')
})

it('a cancelled run is replayed the same', async () => {
  const run = await flows.request('waits')
  await until('the wait', async () => (await actors.history(run)).counts['wait'])
  await actors.client.cancel(run, 'enough')
  await actors.client.outcome(run)
  const { exitCode, stderr } = await replay(run)
  assert.equal(exitCode, 0, stderr)
  assert.match(stderr, /the same: cancelled, 2 steps/)
})

it('--inspect waits for a debugger, which sees the author’s file and stops where the flow begins', async () => {
  const run = await flows.request('orders', { items: ['tea'] })
  await actors.client.outcome(run)
  await using replaying = ended(start(['replay', run, '--inspect=0', '--json'], { home }))
  let said = ''
  replaying.process.stdout.on('data', (text: Buffer) => {
    said += String(text)
  })
  const url = await until('the inspector', () => /"inspect":"([^"]+)"/.exec(said)?.[1])
  assert.match(url, /^ws:\/\/127\.0\.0\.1:\d+\//)
  const socket = new WebSocket(url)
  const heard: {
    method?: string
    params: { sourceMapURL?: string; scriptId: string; callFrames?: { location: { scriptId: string } }[] }
  }[] = []
  socket.onmessage = ({ data }) => heard.push(JSON.parse(String(data)))
  await until('the debugger', () => socket.readyState === WebSocket.OPEN)
  let id = 0
  const ask = (method: string): void => socket.send(JSON.stringify({ id: ++id, method }))
  ask('Runtime.enable')
  ask('Debugger.enable')
  ask('Runtime.runIfWaitingForDebugger')
  await until('the stop', () => heard.some(({ method }) => method === 'Debugger.paused'))
  assert.doesNotMatch(said, /"step"/)
  const sources = heard.flatMap(({ method, params }) => {
    const map = /^data:application\/json;base64,(.*)$/.exec(params?.sourceMapURL ?? '')?.[1]
    if (method !== 'Debugger.scriptParsed' || map === undefined) return []
    return (JSON.parse(Buffer.from(map, 'base64').toString()) as { sources: string[] }).sources
  })
  assert.ok(sources.includes(ORDERS), sources.join(' '))
  ask('Debugger.resume')
  await until('its end', () => /"same":true/.test(said))
  const { exitCode } = await replaying.process
  assert.equal(exitCode, 0)
})
