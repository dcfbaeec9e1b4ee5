/** What a check came to, as a Standard Schema tells it. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Graph, GraphProblem } from './graph.ts'

export function toResult({
  graph,
  problems,
}: {
  graph: Graph | undefined
  problems: readonly GraphProblem[]
}): StandardSchemaV1.Result<Graph> {
  return graph === undefined
    ? { issues: problems.map((each) => ({ message: problemText(each) })) }
    : { value: graph }
}

/** `line 3: steps.fit.args: found …` */
export function problemText({ path, line, message }: GraphProblem): string {
  return `${line === undefined ? '' : `line ${line}: `}${path === '' ? '' : `${path}: `}${message}`
}
