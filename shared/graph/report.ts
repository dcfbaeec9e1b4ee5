/** How what is wrong with a graph is told. */
import type { DocumentPath, GraphStep } from './graph.ts'

export type Report = (path: DocumentPath, message: string) => void

export type ReadStep = {
  definition: GraphStep
  /** What references may stand in, by key of the document. */
  values: Record<string, unknown>
}

/** What was found, short enough for a message. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

export function listed(names: Iterable<string>): string {
  const all = [...names]
  if (all.length === 0) return 'none'
  return all.length > 20 ? `${all.slice(0, 20).join(', ')}, …` : all.join(', ')
}
