/** The examples of shared/contract/WIRE.md, word for word, against a whole system. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ExecaError, execa } from 'execa'
import { natsTool, pythonWithNats, type Tool } from '../support/language-tools.ts'
import { type TempHome, tempHome } from '../support/temp-home.ts'
import { until } from '../support/until.ts'
import { type TestSystem, withSystem } from '../support/with-system.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FLOWS = join(ROOT, 'test/fixtures/flows/published.ts')
const WIRE = readFileSync(join(ROOT, 'shared/contract/WIRE.md'), 'utf8')

const MSGPACK = `
import asyncio, datetime, json, sys, msgpack, nats
sys.path.insert(0, ".")
import request
async def main():
    nc = await nats.connect(request.read("connection.json")["url"], inbox_prefix="_INBOX_client", **request.read("credentials", "client.json"))
    body = msgpack.packb({"flow": "sum", "params": {"numbers": [2, 0.5], "when": datetime.datetime.now(datetime.timezone.utc)}, "tags": ["packed"]}, datetime=True)
    headers = {"Content-Type": "application/msgpack", "Nats-Expected-Last-Subject-Sequence": "0"}
    print((await nc.request("qubus.v1.request.packed", body, timeout=10, headers=headers)).data.decode())
    await nc.close()
    # The same work in JSON is another request for the same id: its parameters differ.
    print(json.dumps(await request.run_flow("sum", {"numbers": [9]}, "packed")))
asyncio.run(main())
`

describe('a flow request', { timeout: 900_000 }, () => {
  let system: TestSystem
  let folder: TempHome
  let python: Tool
  let nats: Tool

  before(async () => {
    ;[system, folder, python, nats] = await Promise.all([
      withSystem(),
      tempHome(),
      pythonWithNats(),
      natsTool(),
    ])
    const published = await system.client.publish(FLOWS)
    assert.ok(published.some(({ flow }) => flow === 'sum'))
    await writeFile(join(folder.path, 'request.py'), example('python'))
    await writeFile(join(folder.path, 'request.sh'), example('sh'))
    await writeFile(join(folder.path, 'request.ts'), example('ts'))
    await mkdir(join(folder.path, 'node_modules'))
    await symlink(ROOT, join(folder.path, 'node_modules/qubus'))
  })
  after(async () => {
    await system?.[Symbol.asyncDispose]()
    await folder?.[Symbol.asyncDispose]()
  })

  const run = async (program: string, args: string[], env: Record<string, string> = {}) => {
    const { exitCode, stdout, stderr } = await execa(program, args, {
      cwd: folder.path,
      env: { QUBUS_HOME: system.home, QUBUS_URL: '', HOME: folder.path, ...env },
      reject: false,
    })
    return { exitCode, stdout, stderr }
  }

  test('from TypeScript, with the client', async () => {
    const { exitCode, stdout, stderr } = await run(process.execPath, ['request.ts'])
    assert.equal(exitCode, 0, stderr)
    assert.match(stdout, /^\w+ \{"total":6,"label":"none"\}$/)
  })

  test('from Python, with nats-py: its result, once for one id, and each mistake as an error', async (t) => {
    const program = programOf(python, t)
    if (program === undefined) return
    const ask = (...args: string[]) => run(program, ['request.py', ...args])
    const sum = JSON.stringify({ numbers: [1, 2, 3], label: 'py' })
    const first = await ask('sum', sum, 'from-python')
    assert.deepEqual(first, { exitCode: 0, stdout: '{"total": 6, "label": "py"}', stderr: '' })
    assert.deepEqual(await ask('sum', sum, 'from-python'), first)
    const kept = await system.client.find('from-python')
    assert.equal(kept?.state === 'ended' && kept.completed.steps, 3)
    const errorOf = async (...args: string[]) => {
      const { exitCode, stdout, stderr } = await ask(...args)
      assert.equal(exitCode, 1, stderr)
      return (JSON.parse(stdout) as { error: { code: string; message: string } }).error
    }
    assert.equal((await errorOf('sum', '{"numbers": "many"}')).code, 'INVALID_INPUT')
    assert.equal((await errorOf('nobody', '{}')).code, 'UNKNOWN_FLOW')
    const refused = await errorOf('', '{}', 'unnamed')
    assert.equal(refused.code, 'INVALID_REQUEST')
    assert.match(refused.message, /flow is "": write the name of a published or built-in flow/)
  })

  test('from Python, in msgpack', async (t) => {
    const program = programOf(python, t)
    if (program === undefined) return
    const { exitCode, stdout, stderr } = await run(program, ['-c', MSGPACK])
    assert.equal(exitCode, 0, stderr)
    const [answer, outcome] = jsonLines(stdout)
    assert.equal(answer?.['stream'], 'FLOWS')
    assert.deepEqual(outcome?.['result'], { total: 2.5, label: 'none' })
    const kept = await system.client.find('packed')
    assert.deepEqual(kept?.state === 'ended' && kept.requested?.tags, ['packed'])
  })

  test('from a shell, with the nats tool: sent, watched, and its outcome; a mistake is told to all three', async (t) => {
    const program = programOf(nats, t)
    if (program === undefined) return
    const path = { PATH: `${folder.path}${delimiter}${process.env['PATH']}` }
    await symlink(program, join(folder.path, 'nats'))
    const script = `${example('sh').split('run=from-shell')[0]}`
    const watching = execa(
      'sh',
      ['-c', `${script}\nexec nats --inbox-prefix=_INBOX_client subscribe 'qubus.v1.event.run.>'`],
      {
        cwd: folder.path,
        env: { QUBUS_HOME: system.home, HOME: folder.path, ...path },
        all: true,
      },
    )
    const watched = watching.catch((error: ExecaError) => error)
    let seen = ''
    watching.all.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    await until('the watcher listens', () => seen.includes('Subscribing'))
    try {
      const { exitCode, stdout, stderr } = await run('sh', ['request.sh'], path)
      assert.equal(exitCode, 0, stderr)
      const [answer, { outcome } = {}] = jsonLines(stdout)
      assert.equal(answer?.['stream'], 'FLOWS')
      const { result, state, flow } = outcome as Record<string, unknown>
      assert.deepEqual(
        { result, state, flow },
        { result: { total: 6, label: 'none' }, state: 'completed', flow: 'sum' },
      )
      for (const verb of ['queued', 'started', 'completed'])
        await until(`the watcher sees ${verb}`, () => seen.includes(`qubus.v1.event.run.${verb}.from-shell-`))

      const bad = `${script}
        ask qubus.v1.request.bad-shell '{"flow": "sum", "priority": "high"}'
        until outcome=$(ask qubus.v1.query.outcome '{"run": "bad-shell"}') && [ "$outcome" != '{"outcome":null}' ]; do sleep 0.2; done
        printf '%s\\n' "$outcome"`
      const said = await run('sh', ['-c', bad], path)
      const { error } = (jsonLines(said.stdout).at(-1) as { outcome: { error: object } }).outcome
      assert.deepEqual(pick(error), {
        code: 'INVALID_REQUEST',
        message:
          'the flow request is malformed: priority is "high": Invalid input: expected number, received string',
      })
      await until('the watcher sees the refusal', () =>
        /run\.refused\.bad-shell[\s\S]*priority is/.test(seen),
      )
      assert.equal((await system.client.find('bad-shell'))?.state, 'refused')
    } finally {
      watching.kill('SIGINT')
      await watched
    }
  })
})

/** The first example in this language. */
function example(language: string): string {
  const found = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'm').exec(WIRE)?.[1]
  assert.ok(found !== undefined, `WIRE.md has an example in ${language}`)
  return found
}

function programOf(tool: Tool, t: TestContext): string | undefined {
  if ('program' in tool) return tool.program
  t.skip(tool.missing)
  return undefined
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

function pick(error: object): object {
  const { code, message } = error as { code: string; message: string }
  return { code, message }
}
