/** By which name an error is known on the other side, where its class is not. */

const OURS = new Set([
  'QubusError',
  'TerminalError',
  'CancelledError',
  'NonDeterministicFlowError',
  'StepError',
])
const BUILT_IN = new Set([
  'Error',
  'AggregateError',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
])

/** Its `name`; of a class that gives its errors no name of their own, the name of the class. */
export function nameOf(error: Error): string {
  const name = String(error.name)
  const ofClass: unknown = error.constructor?.name
  if (typeof ofClass !== 'string' || ofClass === '' || !isGivenName(name) || isGivenName(ofClass)) return name
  return ofClass
}

/** Whether no author chose it. */
export function isGivenName(name: string): boolean {
  return OURS.has(name) || BUILT_IN.has(name)
}

export function isNameOfOurs(name: string): boolean {
  return OURS.has(name)
}
