import { suggestion } from '../closest-name.ts'
import { errorAt, type Source } from '../source.ts'
import type { Expression } from './ast.ts'

/** The value of a gate parameter. `values` holds the parameters of the gate body it stands in, if any. */
export function evaluate(
  source: Source,
  expression: Expression,
  values: ReadonlyMap<string, number>,
): number {
  const value = compute(source, expression, values)
  if (Number.isFinite(value)) return value
  throw errorAt(
    source,
    expression.at,
    'CIRCUIT_BAD_ARGUMENT',
    `this parameter works out to ${value}: a gate needs a finite number`,
  )
}

function compute(source: Source, expression: Expression, values: ReadonlyMap<string, number>): number {
  switch (expression.kind) {
    case 'number':
      return expression.value
    case 'negate':
      return -compute(source, expression.operand, values)
    case 'call':
      return expression.fn(compute(source, expression.operand, values))
    case 'name':
      return lookUp(source, expression, values)
    case 'binary':
      return combine(
        expression.operator,
        compute(source, expression.left, values),
        compute(source, expression.right, values),
      )
  }
}

function lookUp(
  source: Source,
  { name, at }: { name: string; at: number },
  values: ReadonlyMap<string, number>,
): number {
  const value = values.get(name)
  if (value !== undefined) return value
  const hint = suggestion(name, [...values.keys(), 'pi', 'sin', 'cos', 'tan', 'exp', 'ln', 'sqrt'])
  throw errorAt(
    source,
    at,
    'CIRCUIT_UNKNOWN_NAME',
    `'${name}' is not a parameter here${hint || ': write a number, pi or a parameter of the gate'}`,
  )
}

function combine(operator: '+' | '-' | '*' | '/' | '^', left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '/':
      return left / right
    case '^':
      return left ** right
  }
}
