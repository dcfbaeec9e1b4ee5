/**
 * Checks a graph as a whole before any work: every problem with its path, what was found, and what to write. Pure.
 */

import { suggestion } from '../circuit/closest-name.ts'
import { CircuitError, parseCircuit } from '../circuit/index.ts'
import { checkReferences } from './check-references.ts'
import { checkStep } from './check-step.ts'
import { type DocumentPath, type Graph, type GraphProblem, showPath } from './graph.ts'
import { orderOf } from './order.ts'
import { listed, type ReadStep, type Report, shown } from './report.ts'
import { isPlainObject } from './values.ts'

export type CheckedGraph = { graph: Graph; problems: [] } | { graph: undefined; problems: GraphProblem[] }

export type CheckOptions = {
  lineOf?: ((path: DocumentPath) => number) | undefined
  /** What graphs without a name are called. */
  name?: string
  /** Values for its parameters come later: that one is missing is no problem yet. */
  open?: boolean
}

const KEYS = ['name', 'params', 'pool', 'steps', 'outputs']
const EXAMPLE = 'such as "hello: { program: echo, args: [hello] }"'
const STEP_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/

/** @param given values for the graph's parameters; without any, its defaults apply. */
export function checkGraph(
  content: unknown,
  given: unknown,
  { lineOf, name = 'graph', open = false }: CheckOptions = {},
): CheckedGraph {
  const problems: GraphProblem[] = []
  const report: Report = (path, message) => {
    const line = lineOf?.(path)
    problems.push({ path: showPath(path), ...(line === undefined ? {} : { line }), message })
  }
  const graph = readGraph(content, open ? undefined : (given ?? {}), name, report)
  return graph === undefined || problems.length > 0 ? { graph: undefined, problems } : { graph, problems: [] }
}

function readGraph(content: unknown, given: unknown, fallback: string, report: Report): Graph | undefined {
  if (!isPlainObject(content)) {
    report([], `found ${shown(content)}: write a document with "steps", ${EXAMPLE}`)
    return undefined
  }
  for (const key of Object.keys(content))
    if (!KEYS.includes(key))
      report([key], `this key is not known${suggestion(key, KEYS)}; known are ${KEYS.join(', ')}`)
  const { name = fallback, pool, outputs } = content
  if (typeof name !== 'string' || name.trim() === '' || name.length > 200)
    report(['name'], `found ${shown(name)}: write a text of 1 to 200 characters`)
  if (pool !== undefined && (typeof pool !== 'string' || !/^[A-Za-z0-9_-]{1,128}$/.test(pool)))
    report(['pool'], `found ${shown(pool)}: write the name of a pool`)
  const params = readParams(content['params'], given, report)
  const steps = readSteps(content['steps'], typeof pool === 'string' ? pool : undefined, report)
  const known = { steps: new Set(steps.keys()), params: new Set(Object.keys(params)) }
  const refersTo = (value: unknown, path: DocumentPath): string[] =>
    checkReferences(value, path, known, report)
  for (const [step, { definition, values }] of steps) {
    const before = new Set<string>()
    for (const each of definition.after)
      if (known.steps.has(each)) before.add(each)
      else
        report(
          ['steps', step, 'after'],
          `there is no step ${JSON.stringify(each)}${suggestion(each, known.steps)}; steps are ${listed(known.steps)}`,
        )
    for (const [key, value] of Object.entries(values))
      for (const each of refersTo(value, ['steps', step, key])) before.add(each)
    definition.after = [...before]
    if (definition.kind === 'circuit') checkCircuit(definition.source, ['steps', step, 'circuit'], report)
  }
  if (outputs !== undefined) refersTo(outputs, ['outputs'])
  const { order, circles } = orderOf(
    new Map([...steps].map(([step, { definition }]) => [step, definition.after])),
  )
  for (const circle of circles ?? [])
    report(
      ['steps', circle[0] as string],
      `these wait for each other in a circle: ${circle.join(' waits for ')}; take away one "after" or reference`,
    )
  if (order === undefined) return undefined
  return {
    name: typeof name === 'string' ? name : fallback,
    params,
    steps: order.map((step) => (steps.get(step) as ReadStep).definition),
    ...(outputs === undefined ? {} : { outputs }),
  }
}

function readParams(declared: unknown, given: unknown, report: Report): Record<string, unknown> {
  if (declared !== undefined && declared !== null && !isPlainObject(declared)) {
    report(
      ['params'],
      `found ${shown(declared)}: write names with their default values, such as "params: { shots: 1000 }"`,
    )
    return {}
  }
  const defaults = isPlainObject(declared) ? declared : {}
  if (given === undefined) return defaults
  if (!isPlainObject(given)) {
    report(['params'], `was given ${shown(given)}: give an object with values by name`)
    return defaults
  }
  const values = given
  const names = Object.keys(defaults)
  for (const name of Object.keys(values))
    if (!Object.hasOwn(defaults, name))
      report(
        ['params'],
        `a value was given for ${JSON.stringify(name)}, which is no parameter${suggestion(name, names)}; parameters are ${listed(names)}`,
      )
  for (const name of names)
    if (defaults[name] === null && !Object.hasOwn(values, name))
      report(
        ['params', name],
        `has no default and was given no value: give one (-p ${name}=…), or write a default`,
      )
  return Object.fromEntries(
    names.map((name) => [name, Object.hasOwn(values, name) ? values[name] : defaults[name]]),
  )
}

function readSteps(content: unknown, pool: string | undefined, report: Report): Map<string, ReadStep> {
  const steps = new Map<string, ReadStep>()
  if (!isPlainObject(content) || Object.keys(content).length === 0) {
    report(['steps'], `found ${shown(content)}: write steps by name, ${EXAMPLE}`)
    return steps
  }
  for (const [name, step] of Object.entries(content)) {
    if (!STEP_NAME.test(name))
      report(
        ['steps', name],
        'a step\'s name begins with a letter and has letters, digits, "_" and "-", at most 100 of them',
      )
    // Steps that are wrong in themselves can still be referred to: one mistake is told once.
    steps.set(name, checkStep(name, step, pool, report))
  }
  return steps
}

// A circuit that takes values from other steps can't be read before they are there.
function checkCircuit(source: unknown, path: DocumentPath, report: Report): void {
  if (typeof source !== 'string' || source.includes('${{')) return
  try {
    parseCircuit(source)
  } catch (error) {
    if (!(error instanceof CircuitError)) throw error
    if (error.code !== 'CIRCUIT_UNSUPPORTED')
      report(path, `the circuit, line ${error.line}, column ${error.column}: ${error.reason}`)
  }
}
