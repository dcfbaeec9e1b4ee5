/** The flow that every round runs: it does what its parameters say, and returns what each part came to. */
import { appendFileSync } from 'node:fs'
import {
  CancelledError,
  circuit,
  flow,
  group,
  launchVqpu,
  program,
  sideEffect,
  signal,
  sleep,
  stepContext,
  TerminalError,
  task,
  type Vqpu,
} from 'qubus'
import type { Branch, Operation } from './operations.ts'

type Use = { value: number; ms: number; failures?: number; ends?: string; effects: string }

const square = task(
  'square',
  async ({ value, ms, failures = 0, ends, effects }: Use) => {
    const { run, step, attempt } = stepContext()
    // Short enough to be written whole, whoever else writes.
    appendFileSync(effects, `${run} ${step} ${attempt}\n`)
    await new Promise((resolve) => setTimeout(resolve, ms))
    if (ends !== undefined) throw new TerminalError(ends)
    if (attempt <= failures) throw new Error(`attempt ${attempt} was to fail`)
    return value * value
  },
  { pool: 'cpu', retries: 3, retryDelaySeconds: 0.1 },
)
const limited = square.with({ limit: 'chaos' })

export const chaos = flow('chaos', ({ branches, effects }: { branches: Branch[]; effects: string }) =>
  Promise.all(branches.map((branch) => follow(branch, effects))),
)

/** Fails for good, and is tried once more as a whole. */
export const doomed = flow(
  'doomed',
  { retries: 1, retryDelaySeconds: 0.1 },
  async ({ branches, effects }: { branches: Branch[]; effects: string }) => {
    await Promise.all(branches.map((branch) => follow(branch, effects)))
    throw new Error('doomed')
  },
)

async function follow(branch: Branch, effects: string): Promise<unknown[]> {
  const results: unknown[] = []
  for (const operation of branch) results.push(await carryOut(operation, effects))
  return results
}

async function carryOut(operation: Operation, effects: string): Promise<unknown> {
  switch (operation.op) {
    case 'tasks':
      return Promise.all(operation.uses.map((use) => square.submit({ ...use, effects })))
    case 'map':
      return square.map(
        operation.values.map((value) => ({ value, ms: operation.ms, effects })),
        operation.concurrency === undefined ? {} : { concurrency: operation.concurrency },
      )
    case 'limited':
      return Promise.all(
        operation.values.map((value) => limited.submit({ value, ms: operation.ms, effects })),
      )
    case 'caught':
      return square
        .submit({ value: 0, ms: operation.ms, ends: operation.message, effects })
        .catch(({ message }: Error) => message)
    case 'group':
      return group(() => {
        sleep(3600).catch(() => {})
        return square.submit({ value: 0, ms: operation.ms, ends: operation.message, effects })
      }).catch(({ message }: Error) => message)
    case 'program': {
      const { exitCode, stdout } = await program(
        'sh',
        ['-c', 'sleep "$1"; printf %s "$2"', 'sh', String(operation.seconds), operation.text],
        { pool: 'cpu' },
      )
      return { exitCode, stdout }
    }
    case 'circuits': {
      const device: Vqpu | string =
        operation.device === 'own' ? await launchVqpu({ id: operation.id }) : operation.device
      const results = await Promise.all(
        operation.bits.map((bit) =>
          circuit(oneHot(bit), { shots: operation.shots }).run({ device, retries: 3 }),
        ),
      )
      return results.map(({ counts }) => counts)
    }
    case 'sleep':
      await sleep(operation.seconds)
      return 'slept'
    case 'dropped': {
      const future = sleep(3600)
      future.cancel()
      return future.catch((error: unknown) => error instanceof CancelledError)
    }
    case 'set':
      await signal(operation.name).set(operation.value)
      return 'set'
    case 'wait':
      return signal(operation.name).wait()
    case 'vain':
      return signal(operation.name)
        .wait({ timeoutSeconds: operation.seconds })
        .catch(({ code }: { code: string }) => code)
    case 'effect':
      return sideEffect(() => operation.value)
    case 'large':
      return (await fill.submit(operation.bytes, operation.value)).reduce((sum, each) => sum + each, 0)
    case 'sub':
      return chaos.run({ branches: operation.branches, effects })
  }
}

/** More than a message takes: it travels as a blob. */
const fill = task('fill', (bytes: number, value: number) => new Uint8Array(bytes).fill(value), {
  pool: 'cpu',
})

// |1> on one qubit of three: one outcome, whatever the seed.
function oneHot(bit: number): string {
  return `OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
creg c[3];
x q[${bit}];
measure q -> c;
`
}
