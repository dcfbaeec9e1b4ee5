/** Checks one step of a graph: what it is, what it is given, and its options. */
import { suggestion } from '../circuit/closest-name.ts'
import { QubusError } from '../contract/errors.ts'
import { toPolicy } from '../flow/options.ts'
import type { DocumentPath, GraphStep, StepOptionsOfGraph } from './graph.ts'
import { listed, type ReadStep, type Report, shown } from './report.ts'
import { isPlainObject } from './values.ts'

const RETRYING = [
  'retries',
  'retryDelaySeconds',
  'retryBackoff',
  'retryMaxDelaySeconds',
  'retryJitter',
  'timeoutSeconds',
  'limit',
] as const
const ON_WORKERS = ['pool', 'onLost', 'cores', 'memory', 'gpus'] as const

/** For each kind: what else it is given (references may stand there), and which options it takes. */
const KINDS = {
  program: { values: ['args', 'cwd', 'env', 'input'], options: [...RETRYING, ...ON_WORKERS] },
  circuit: { values: ['shots', 'seed', 'method', 'device'], options: [...RETRYING] },
  flow: { values: ['params'], options: [...RETRYING, 'pool'] },
  sleep: { values: [], options: [] },
} as const satisfies Record<GraphStep['kind'], { values: readonly string[]; options: readonly string[] }>

type Kind = keyof typeof KINDS

const EXAMPLES: Record<Kind, string> = {
  program: 'program: echo',
  circuit: 'circuit: { file: bell.qasm }',
  flow: 'flow: NAME',
  sleep: 'sleep: 5',
}

export function checkStep(
  name: string,
  content: unknown,
  pool: string | undefined,
  report: Report,
): ReadStep {
  const at = (...keys: (string | number)[]): DocumentPath => ['steps', name, ...keys]
  const wrong: ReadStep = {
    definition: { name, kind: 'sleep', seconds: 0, after: [], options: {} },
    values: {},
  }
  if (!isPlainObject(content)) {
    report(at(), `found ${shown(content)}: write what it does, one of: ${Object.values(EXAMPLES).join('; ')}`)
    return wrong
  }
  const kinds = Object.keys(KINDS).filter((kind) => kind in content) as Kind[]
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    const found = kind === undefined ? `only ${listed(Object.keys(content))}` : kinds.join(' and ')
    report(at(), `found ${found}: write exactly one of: ${Object.values(EXAMPLES).join('; ')}`)
    return wrong
  }
  const { values, options } = KINDS[kind]
  const known = [kind, 'after', ...values, ...options]
  for (const key of Object.keys(content))
    if (!known.includes(key))
      report(at(key), `a ${kind} step has no such key${suggestion(key, known)}; it has ${known.join(', ')}`)
  const given = Object.fromEntries(
    [kind, ...values].flatMap((key) => (content[key] == null ? [] : [[key, content[key]]])),
  )
  return {
    definition: {
      name,
      after: readAfter(content['after'], at('after'), report),
      options: readOptions(
        content,
        options,
        kind === 'program' || kind === 'flow' ? pool : undefined,
        at,
        report,
      ),
      ...definitionOf(kind, given, content, at, report),
    } as GraphStep,
    values: given,
  }
}

function readAfter(after: unknown, path: DocumentPath, report: Report): string[] {
  const names = after === undefined || after === null ? [] : Array.isArray(after) ? after : [after]
  if (names.every((name) => typeof name === 'string')) return names
  report(path, `found ${shown(after)}: write the name of a step, or a list of names`)
  return []
}

function readOptions(
  content: Record<string, unknown>,
  allowed: readonly string[],
  pool: string | undefined,
  at: (...keys: string[]) => DocumentPath,
  report: Report,
): StepOptionsOfGraph {
  const options: Record<string, unknown> = pool === undefined ? {} : { pool }
  for (const key of allowed) {
    const value = content[key]
    if (value === undefined || value === null) continue
    try {
      if (key === 'pool' && typeof value !== 'string')
        throw new QubusError('INVALID_OPTION', `found ${shown(value)}: write the name of a pool`)
      toPolicy('this step', { [key]: value })
      options[key] = value
    } catch (error) {
      if (!(error instanceof QubusError)) throw error
      report(at(key), error.message)
    }
  }
  return options as StepOptionsOfGraph
}

function definitionOf(
  kind: Kind,
  given: Record<string, unknown>,
  content: Record<string, unknown>,
  at: (...keys: (string | number)[]) => DocumentPath,
  report: Report,
): object {
  const text = (key: string, what: string): void => {
    const value = given[key]
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      report(at(key), `found ${shown(value)}: write ${what}`)
  }
  const number = (key: string, fits: (value: number) => boolean, what: string): void => {
    const value = given[key]
    const open = typeof value === 'string' && value.includes('${{')
    if (value !== undefined && !open && !(typeof value === 'number' && fits(value)))
      report(at(key), `found ${shown(value)}: write ${what}, or a reference`)
  }
  if (content[kind] === null || content[kind] === undefined)
    report(at(kind), `found nothing: write ${EXAMPLES[kind]}`)
  if (kind === 'program') {
    text('program', 'the program to run, such as echo or /usr/bin/env')
    text('cwd', 'a folder on the worker')
    const { program: file, args = [], cwd, env, input } = given
    if (!Array.isArray(args)) report(at('args'), `found ${shown(args)}: write a list, such as [--count, 3]`)
    else
      for (const [i, arg] of args.entries())
        if (arg === null || typeof arg === 'object')
          report(at('args', i), `found ${shown(arg)}: write text, a number or a reference`)
    if (env !== undefined && !isPlainObject(env))
      report(at('env'), `found ${shown(env)}: write names with their values`)
    return { kind, file, args: Array.isArray(args) ? args : [], ...present({ cwd, env, input }) }
  }
  if (kind === 'circuit') {
    const { circuit: source, shots, seed, method, device } = given
    if (isPlainObject(source))
      report(
        at('circuit'),
        `found ${shown(source)}: the text of a file is put here by qubus run, which reads { file: NAME.qasm } beside the document; write the OpenQASM text`,
      )
    else text('circuit', 'OpenQASM text, or { file: NAME.qasm }')
    number('shots', (value) => Number.isInteger(value) && value >= 1, 'a whole number from 1')
    number('seed', (value) => Number.isSafeInteger(value) && value >= 0, 'a whole number from 0')
    text('method', "the name of an engine's method")
    text('device', 'a device id, "vqpu" or "any"')
    return { kind, source, ...present({ shots, seed, method, device }) }
  }
  if (kind === 'flow') {
    const { flow, params = {} } = given
    text('flow', 'the name of a published or built-in flow')
    if (typeof flow === 'string' && flow.includes('${{'))
      report(at('flow'), 'found a reference: write the name itself')
    return { kind, flow, params }
  }
  number('sleep', (value) => value >= 0 && Number.isFinite(value), 'a number of seconds from 0')
  return { kind, seconds: given['sleep'] }
}

function present(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
