/** From a value with references to the value itself. */
import { FUNCTIONS } from './functions.ts'
import { type Expression, parseText } from './reference.ts'
import { isPlainObject, kindOf, ReferenceProblem } from './values.ts'

/** What references may refer to, when a step begins. */
export type Scope = { run: string; params: Record<string, unknown>; results: ReadonlyMap<string, unknown> }

/** The value with all its references replaced. @throws ReferenceProblem when one finds nothing. */
export function resolve(value: unknown, scope: Scope): unknown {
  if (typeof value === 'string') return resolveText(value, scope)
  if (Array.isArray(value)) return value.map((item) => resolve(item, scope))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, scope)]))
}

function resolveText(text: string, scope: Scope): unknown {
  if (!text.includes('${{')) return text
  const parts = parseText(text)
  const [only] = parts
  if (parts.length === 1 && typeof only === 'object') return evaluate(only, scope)
  return parts.map((part) => (typeof part === 'string' ? part : asText(evaluate(part, scope)))).join('')
}

/** How a value looks within text: text as it is, anything else as JSON. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'bigint') return String(value)
  return value === undefined || value === null ? '' : JSON.stringify(value)
}

function evaluate(expression: Expression, scope: Scope): unknown {
  let value = rootOf(expression, scope)
  for (const key of expression.path) {
    if (!hasKey(value, key))
      throw new ReferenceProblem(
        `\${{ ${expression.text} }} finds nothing: where ${JSON.stringify(key)} is looked for there is ${kindOf(value)}`,
      )
    value = (value as Record<string | number, unknown>)[key]
  }
  return value
}

function rootOf(expression: Expression, scope: Scope): unknown {
  if (expression.root === 'step') return scope.results.get(expression.step)
  if (expression.root === 'params') return scope.params
  if (expression.root === 'run') return scope.run
  return FUNCTIONS[expression.call](evaluate(expression.of, scope))
}

function hasKey(value: unknown, key: string | number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.hasOwn(value, key) && (!Array.isArray(value) || key !== 'length')
}
