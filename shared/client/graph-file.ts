/** A graph as a file: read, the circuits beside it put into it, and checked before anything is sent. */
import { readFile } from 'node:fs/promises'
import { basename, dirname, extname, resolve } from 'node:path'
import { QubusError } from '../contract/errors.ts'
import type { Graph, GraphProblem } from '../graph/graph.ts'
import type { GraphParams } from '../graph/input.ts'

/** The built-in flow that runs graphs. */
export const GRAPH_FLOW = 'graph'

export function isGraphFile(name: string): boolean {
  return /\.(ya?ml|json)$/i.test(name)
}

/** @throws QubusError `INVALID_INPUT` with a line `file:line: path: message` for each problem. */
export async function readGraphFile(
  file: string,
  params: unknown,
): Promise<{ name: string; params: GraphParams }> {
  const { document, graph } = await readChecked(file, [params])
  return { name: graph.name, params: { document, params: graph.params } }
}

/**
 * The document alone: values for its parameters come later.
 * @param seen gets the paths of what it is made of, also when it fails.
 * @throws as {@link readGraphFile}.
 */
export async function readOpenGraph(file: string, seen?: Set<string>): Promise<unknown> {
  return (await readChecked(file, [], seen)).document
}

/** The document has a name, and its circuits as text. */
async function readChecked(
  file: string,
  given: [params?: unknown],
  seen?: Set<string>,
): Promise<{ document: object; graph: Graph }> {
  const [{ readDocument }, { checkGraph }] = await Promise.all([
    import('../graph/document.ts'),
    import('../graph/check-graph.ts'),
  ])
  const { content, lineOf, problems } = readDocument(await textOf(file, 'the graph', seen))
  if (problems.length > 0) throw invalid(file, problems)
  const filled = await withCircuits(content, file, seen, (path, message) => {
    throw invalid(file, [{ path: path.join('.'), line: lineOf(path), message }])
  })
  const name = basename(file, extname(file))
  const checked = checkGraph(filled, given[0], { lineOf, name, open: given.length === 0 })
  if (checked.graph === undefined) throw invalid(file, checked.problems)
  return { document: { name, ...(filled as object) }, graph: checked.graph }
}

type Complain = (path: string[], message: string) => never

/** `circuit: { file: NAME }` becomes the text of that file, which lies beside the document. */
async function withCircuits(
  content: unknown,
  file: string,
  seen: Set<string> | undefined,
  complain: Complain,
): Promise<unknown> {
  const { steps } = (content ?? {}) as { steps?: unknown }
  if (typeof steps !== 'object' || steps === null || Array.isArray(steps)) return content
  const filled: Record<string, unknown> = {}
  for (const [name, step] of Object.entries(steps)) {
    const wanted = (step as { circuit?: { file?: unknown } } | null)?.circuit?.file
    filled[name] = step
    if (wanted === undefined) continue
    if (typeof wanted !== 'string')
      complain(
        ['steps', name, 'circuit', 'file'],
        `found ${JSON.stringify(wanted)}: write the name of a file`,
      )
    const text = await textOf(resolve(dirname(file), wanted as string), 'the circuit', seen).catch(
      (error: Error) => complain(['steps', name, 'circuit', 'file'], error.message),
    )
    filled[name] = { ...(step as object), circuit: text }
  }
  return { ...(content as object), steps: filled }
}

async function textOf(file: string, what: string, seen: Set<string> | undefined): Promise<string> {
  seen?.add(resolve(file))
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const why = code === 'ENOENT' ? 'there is no such file' : (cause as Error).message
    throw new QubusError('INVALID_INPUT', `${what} ${file} can't be read: ${why}`, { cause })
  }
}

function invalid(file: string, problems: GraphProblem[]): QubusError {
  const lines = problems.map(
    ({ path, line, message }) =>
      `${file}${line === undefined ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}${message}`,
  )
  return new QubusError('INVALID_INPUT', lines.join('\n'), { facts: { file, problems } })
}
