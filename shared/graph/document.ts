/** The text of a graph, in YAML or JSON (which is YAML): its content, and on which line each part of it stands. */
import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { DocumentPath, GraphProblem } from './graph.ts'

export type GraphDocument = {
  content: unknown
  /** On which line, from 1, this part stands, or the nearest part around it. */
  lineOf(path: DocumentPath): number
  /** What keeps the text from being read. */
  problems: GraphProblem[]
}

export function readDocument(text: string): GraphDocument {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false })
  const lineAt = (offset: number): number => counter.linePos(offset).line
  const problems = document.errors.map(({ code, message, pos }): GraphProblem => {
    const line = lineAt(pos[0])
    if (code !== 'DUPLICATE_KEY')
      return { path: '', line, message: `this is neither YAML nor JSON: ${message}` }
    const name = /^["']?([^"':\s]+)/.exec(text.slice(pos[0], pos[0] + 200))?.[1] ?? ''
    return { path: '', line, message: `found ${JSON.stringify(name)} twice: give each a name of its own` }
  })
  return {
    content: problems.length > 0 ? undefined : toContent(),
    problems,
    lineOf(path) {
      let line = 1
      let node: unknown = document.contents
      for (const key of path) {
        if (isMap(node)) {
          const pair = node.items.find(
            (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
          )
          if (pair === undefined) return line
          if (isNode(pair.key) && pair.key.range) line = lineAt(pair.key.range[0])
          node = pair.value
        } else if (isSeq(node)) {
          const item = node.items[Number(key)]
          if (item === undefined) return line
          if (isNode(item) && item.range) line = lineAt(item.range[0])
          node = item
        } else return line
      }
      return line
    },
  }

  function toContent(): unknown {
    try {
      return document.toJS({ maxAliasCount: 100 })
    } catch (cause) {
      problems.push({ path: '', line: 1, message: `this can't be read: ${(cause as Error).message}` })
      return undefined
    }
  }
}
