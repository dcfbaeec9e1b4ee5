import assert from 'node:assert/strict'
import { it } from 'node:test'
import { z } from 'zod'
import { schemaText } from '../../scripts/cli/terminal/schema-text.ts'

it('a JSON Schema is told as one would write the type', () => {
  const schema = z.object({
    n: z.number().int(),
    label: z.string().optional(),
    shots: z.number().default(1000),
    mode: z.enum(['fast', 'exact']),
    points: z.array(z.union([z.string(), z.null()])),
    at: z.object({ x: z.number() }),
    rest: z.record(z.string(), z.unknown()),
  })
  assert.equal(
    schemaText(z.toJSONSchema(schema, { io: 'input' })),
    '{ n: integer, label?: string, shots?: number = 1000, mode: "fast" | "exact", points: (string | null)[], at: { x: number }, rest: object }',
  )
  assert.equal(schemaText({}), 'any')
  assert.equal(schemaText({ type: 'object', properties: {} }), '{}')
})
