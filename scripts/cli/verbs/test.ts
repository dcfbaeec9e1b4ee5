/** `qubus test`: Node's test runner, for whose files `qubus` and `qubus/test` are there. */
import { runNode } from '../child.ts'

export async function test(files: string[]): Promise<number> {
  const hooks = new URL('../../test-flow/resolve-qubus.ts', import.meta.url).href
  return runNode([
    '--disable-warning=ExperimentalWarning',
    '--enable-source-maps',
    '--import',
    hooks,
    '--test',
    ...files,
  ])
}
