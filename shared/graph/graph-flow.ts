/** A graph as a flow of its own: what a published graph's bundle holds. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Flow, flow } from '../flow/flow.ts'
import { checkGraph } from './check-graph.ts'
import type { Graph } from './graph.ts'
import { runGraph } from './run-graph.ts'
import { toResult } from './schema-result.ts'
import { isPlainObject } from './values.ts'

/** @param document its content, with a name, as it was checked when it was published. */
export function graphFlow(document: { name: string; params?: unknown }): Flow<unknown, unknown> {
  const input: StandardSchemaV1<unknown, Graph> = {
    '~standard': {
      version: 1,
      vendor: 'qubus',
      validate: (given) => toResult(checkGraph(document, given)),
      jsonSchema: { input: () => schemaOf(document.params) },
    } as StandardSchemaV1.Props<unknown, Graph>,
  }
  return flow(document.name, { input }, runGraph)
}

/** What the parameters must be, as a JSON Schema: names and defaults are all that a graph says of them. */
function schemaOf(params: unknown): Record<string, unknown> {
  const entries = Object.entries(isPlainObject(params) ? params : {})
  const required = entries.filter(([, value]) => value === null).map(([name]) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(
      entries.map(([name, value]) => [name, value === null ? {} : { default: value }]),
    ),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  }
}
