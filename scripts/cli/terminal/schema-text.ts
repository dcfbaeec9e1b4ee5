/** A JSON Schema in a few words, as one would write the type: `{ n: integer, label?: string }`. */

type Schema = Record<string, unknown>

/** Parts that have no short form are called by their type, or `any`. */
export function schemaText(schema: unknown, depth = 0): string {
  if (typeof schema !== 'object' || schema === null) return 'any'
  const { type, properties, items, anyOf, oneOf, const: only, enum: choices } = schema as Schema
  if (only !== undefined) return JSON.stringify(only)
  if (Array.isArray(choices)) return choices.map((each) => JSON.stringify(each)).join(' | ')
  const alternatives = anyOf ?? oneOf
  if (Array.isArray(alternatives)) return alternatives.map((each) => schemaText(each, depth)).join(' | ')
  if (type === 'object' && isSchema(properties) && depth < 3)
    return objectText(schema as Schema, properties, depth)
  if (type === 'array') {
    const item = schemaText(items, depth + 1)
    return item.includes('|') ? `(${item})[]` : `${item}[]`
  }
  if (Array.isArray(type)) return type.join(' | ')
  return typeof type === 'string' ? type : 'any'
}

function objectText(schema: Schema, properties: Schema, depth: number): string {
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  const fields = Object.entries(properties).map(([key, field]) => {
    const fallback = isSchema(field) && 'default' in field ? ` = ${JSON.stringify(field['default'])}` : ''
    return `${key}${required.includes(key) && fallback === '' ? '' : '?'}: ${schemaText(field, depth + 1)}${fallback}`
  })
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
