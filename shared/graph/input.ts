/** What the built-in flow `graph` is given, as a Standard Schema: a document that is wrong is refused before any work. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { checkGraph } from './check-graph.ts'
import { readDocument } from './document.ts'
import type { Graph } from './graph.ts'
import { toResult } from './schema-result.ts'
import { isPlainObject } from './values.ts'

export type GraphParams = {
  /** The document: its content, or its text in YAML or JSON. */
  document: unknown
  /** Values for the parameters that the document declares. */
  params?: Record<string, unknown>
}

export const graphInput: StandardSchemaV1<GraphParams, Graph> = {
  '~standard': { version: 1, vendor: 'qubus', validate },
}

function validate(given: unknown): StandardSchemaV1.Result<Graph> {
  if (!isPlainObject(given) || given['document'] === undefined)
    return {
      issues: [{ message: '"document" is missing: write { "document": { "steps": … }, "params": { … } }' }],
    }
  const { document, params } = given
  if (typeof document !== 'string') return toResult(checkGraph(document, params))
  const { content, lineOf, problems } = readDocument(document)
  return toResult(
    problems.length > 0 ? { graph: undefined, problems } : checkGraph(content, params, { lineOf }),
  )
}
