/** What a flow's parameters must be, in words that any program can read. */
import type { FlowDefinition } from '../flow/flow.ts'

/** Standard JSON Schema: what zod 4.2 and other validators add to Standard Schema. */
type Describing = {
  jsonSchema?: {
    input(options: { target: string; libraryOptions?: Record<string, unknown> }): Record<string, unknown>
  }
}

/** A schema that says more than this is not worth keeping. */
const MOST_BYTES = 64 * 1024

/** The input's JSON Schema; undefined where the flow has no input, or its validator can't describe it. */
export function inputSchemaOf({ options }: FlowDefinition): Record<string, unknown> | undefined {
  const standard = options.input?.['~standard'] as Describing | undefined
  if (standard?.jsonSchema === undefined) return undefined
  try {
    const { $schema: _dialect, ...schema } = standard.jsonSchema.input({
      target: 'draft-2020-12',
      // JSON has no Date, Map or BigInt: such a part is left open, the rest is still described.
      libraryOptions: { unrepresentable: 'any' },
    })
    const text = JSON.stringify(schema)
    return text.length > MOST_BYTES ? undefined : (JSON.parse(text) as Record<string, unknown>)
  } catch {
    return undefined
  }
}
