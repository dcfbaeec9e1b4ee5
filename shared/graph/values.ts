/** Values of a document, and what is said of them. */

/** What is wrong with a reference, to be told with its place. */
export class ReferenceProblem extends Error {
  override name = 'ReferenceProblem'
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** In words. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value !== 'object') return JSON.stringify(value)?.slice(0, 60) ?? typeof value
  const keys = Object.keys(value)
  return keys.length === 0
    ? 'an empty object'
    : `an object with ${keys.slice(0, 12).join(', ')}${keys.length > 12 ? ', …' : ''}`
}
