/** Checks that what a value refers to is there. */
import { suggestion } from '../circuit/closest-name.ts'
import type { DocumentPath } from './graph.ts'
import { referencesIn } from './reference.ts'
import { listed, type Report } from './report.ts'
import { ReferenceProblem } from './values.ts'

/** @returns the steps that it refers to. */
export function checkReferences(
  value: unknown,
  at: DocumentPath,
  known: { steps: ReadonlySet<string>; params: ReadonlySet<string> },
  report: Report,
): string[] {
  const steps: string[] = []
  for (const { path, found } of referencesIn(value, [...at])) {
    if (found instanceof ReferenceProblem) report(path, found.message)
    else if (found.root === 'step') {
      if (known.steps.has(found.step)) steps.push(found.step)
      else
        report(
          path,
          `\${{ ${found.text} }}: there is no step ${JSON.stringify(found.step)}${suggestion(found.step, known.steps)}; steps are ${listed(known.steps)}`,
        )
    } else if (found.root === 'params' && found.path.length > 0 && !known.params.has(String(found.path[0]))) {
      const name = String(found.path[0])
      report(
        path,
        `\${{ ${found.text} }}: there is no parameter ${JSON.stringify(name)}${suggestion(name, known.params)}; parameters are ${listed(known.params)}: write it under "params"`,
      )
    }
  }
  return steps
}
