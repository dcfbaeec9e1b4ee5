/**
 * `node --import` this, and test files anywhere on disk find `qubus`, `qubus/client`, `qubus/test` and `zod` with nothing
 * installed beside them; `.qasm` files are their text, as they are in a bundle.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const OURS: Record<string, string> = {
  qubus: import.meta.resolve('#shared/flow/index.ts'),
  'qubus/client': import.meta.resolve('#shared/client/index.ts'),
  'qubus/test': new URL('./index.ts', import.meta.url).href,
  zod: import.meta.resolve('zod'),
}

registerHooks({
  resolve(specifier, context, next) {
    const url = OURS[specifier]
    return url === undefined ? next(specifier, context) : { url, shortCircuit: true }
  },
  load(url, context, next) {
    if (!url.endsWith('.qasm')) return next(url, context)
    const source = `export default ${JSON.stringify(readFileSync(fileURLToPath(url), 'utf8'))}`
    return { format: 'module', source, shortCircuit: true }
  },
})
