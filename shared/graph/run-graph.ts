/** Runs a graph: each step begins when those that it waits for have completed. */
import { codeOf, QubusError, StepError } from '../contract/errors.ts'
import { circuit } from '../flow/circuit.ts'
import { TaskFuture } from '../flow/future.ts'
import { group } from '../flow/group.ts'
import { toPolicy } from '../flow/options.ts'
import { program } from '../flow/program.ts'
import { currentFlow } from '../flow/runtime.ts'
import type { Graph, GraphStep } from './graph.ts'
import { asText, resolve, type Scope } from './resolve.ts'
import { ReferenceProblem } from './values.ts'

/**
 * Returns the outputs, or without any the results of all steps by name. When a step fails, those that run are cancelled.
 * @throws the error of the first step that failed, with its name.
 */
export async function runGraph({ params, steps, outputs }: Graph): Promise<unknown> {
  const results = new Map<string, unknown>()
  const scope: Scope = { run: currentFlow('graph').run, params, results }
  let failed: unknown
  try {
    await group(async () => {
      const ends = new Map<string, Promise<void>>()
      for (const step of steps) {
        const ready = Promise.all(step.after.map((name) => ends.get(name)))
        const end = ready
          .then(() => perform(step, scope))
          .then(
            (result) => void results.set(step.name, result),
            (error: unknown) => {
              failed ??= named(step, error)
              throw error
            },
          )
        ends.set(step.name, end)
      }
      await Promise.all(ends.values())
    })
  } catch (error) {
    throw failed ?? error
  }
  if (outputs === undefined) return Object.fromEntries(results)
  try {
    return resolve(outputs, scope)
  } catch (error) {
    throw error instanceof ReferenceProblem
      ? new QubusError('INVALID_INPUT', `outputs: ${error.message}`)
      : error
  }
}

function perform(step: GraphStep, scope: Scope): PromiseLike<unknown> {
  const of = (value: unknown): unknown => resolve(value, scope)
  const text = (value: unknown): string => asText(of(value))
  const { name, options } = step
  switch (step.kind) {
    case 'program': {
      const { file, args, cwd, env, input } = step
      const values = Object.entries(env ?? {}).map(([key, value]) => [key, text(value)] as const)
      return program(text(file), args.map(text), {
        ...options,
        name,
        ...(cwd === undefined ? {} : { cwd: text(cwd) }),
        ...(env === undefined ? {} : { env: Object.fromEntries(values) }),
        ...(input === undefined ? {} : { input: text(input) }),
      })
    }
    case 'circuit': {
      const { source, device, ...rest } = step
      const { shots, seed, method } = of({
        shots: rest.shots,
        seed: rest.seed,
        method: rest.method,
      }) as Record<string, never>
      return circuit(text(source), {
        name,
        ...(shots === undefined ? {} : { shots }),
        ...(seed === undefined ? {} : { seed }),
        ...(method === undefined ? {} : { method }),
      }).run({ ...options, ...(device === undefined ? {} : { device: text(device) }) })
    }
    case 'flow':
      return TaskFuture.request(currentFlow('graph'), {
        kind: 'flow',
        name: step.flow,
        ...(step.flow === name ? {} : { label: name }),
        value: of(step.params),
        policy: { ...toPolicy('flow', options), published: true },
      })
    case 'sleep': {
      const seconds = of(step.seconds)
      if (typeof seconds !== 'number' || !(seconds >= 0 && Number.isFinite(seconds)))
        throw new QubusError(
          'INVALID_OPTION',
          `sleep is ${asText(seconds)}; a number of seconds from 0 is wanted`,
        )
      return TaskFuture.request(currentFlow('graph'), {
        kind: 'sleep',
        name: 'sleep',
        label: name,
        value: seconds,
        policy: {},
      })
    }
  }
}

function named({ name }: GraphStep, error: unknown): unknown {
  if (error instanceof ReferenceProblem)
    return new QubusError('INVALID_INPUT', `step ${JSON.stringify(name)}: ${error.message}`)
  if (!(error instanceof QubusError)) return error
  return new StepError(codeOf(error) ?? 'TASK_FAILED', `step ${JSON.stringify(name)}: ${error.message}`, {
    cause: error,
    facts: error.facts,
  })
}
