/** A flow file and all that it imports as one file, named by the SHA-256 of its content. */
import { hash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildFailure, type BuildOptions, type BuildResult, build, type Plugin, stop } from 'esbuild'
import { QubusError } from '../contract/errors.ts'

export type Bundle = {
  /** JavaScript with an inline source map whose sources are relative to {@link sourceRoot}. */
  bytes: Uint8Array
  hash: string
  /** Directory of the flow file: stacks show the author's files under it. */
  sourceRoot: string
}

const PROJECT = resolve(fileURLToPath(import.meta.url), '../../..')
const MARK = '\n//# sourceMappingURL=data:application/json;base64,'

/**
 * Bundles the flow file at `path`.
 * @throws QubusError `BUNDLE_FAILED` with file, line and column of what is wrong.
 */
export async function bundleFlowFile(path: string): Promise<Bundle> {
  const file = resolve(path)
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile()) throw new QubusError('BUNDLE_FAILED', `${path}: there is no such file`)
  const sourceRoot = dirname(file)
  const [code, map] = await compile(file, sourceRoot)
  const bytes = new TextEncoder().encode(
    `${code + MARK + Buffer.from(portable(map, sourceRoot)).toString('base64')}\n`,
  )
  return { bytes, hash: hash('sha256', bytes), sourceRoot }
}

async function compile(file: string, sourceRoot: string): Promise<[code: string, map: string]> {
  try {
    const result = await buildOnce({
      stdin: {
        contents: `export * as file from ${JSON.stringify(file)}\nexport { registry } from 'qubus:registry'\n`,
        resolveDir: sourceRoot,
        sourcefile: 'qubus-entry.js',
      },
      absWorkingDir: sourceRoot,
      outfile: resolve(sourceRoot, 'bundle.mjs'),
      write: false,
      metafile: true,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      sourcemap: 'external',
      sourcesContent: false,
      logLevel: 'silent',
      keepNames: true,
      // A circuit beside the flow is imported as its text.
      loader: { '.qasm': 'text' },
      // CommonJS packages inside an ES module need a `require`.
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire('file:///');",
      },
      plugins: [resolveOurs],
    })
    const text = (suffix: string) =>
      result.outputFiles?.find((each) => each.path.endsWith(suffix))?.text ?? ''
    return [namedPortably(text('.mjs'), Object.keys(result.metafile?.inputs ?? {}), sourceRoot), text('.map')]
  } catch (cause) {
    const messages = (cause as BuildFailure).errors
      ?.slice(0, 5)
      .map(({ text, location }) =>
        location ? `${location.file}:${location.line}:${location.column + 1}: ${text}` : text,
      )
    throw new QubusError('BUNDLE_FAILED', messages?.join('\n') ?? (cause as Error).message, { cause })
  }
}

let building = 0

// esbuild leaves a process behind for the next build; a client may never build again.
async function buildOnce(options: BuildOptions): Promise<BuildResult> {
  building++
  try {
    return await build(options)
  } finally {
    if (--building === 0) await stop()
  }
}

// A flow file may lie anywhere: `qubus` and `zod` need not be installed beside it.
const resolveOurs: Plugin = {
  name: 'qubus',
  setup(builder) {
    builder.onResolve({ filter: /^qubus$/ }, () => ({ path: resolve(PROJECT, 'shared/flow/index.ts') }))
    builder.onResolve({ filter: /^qubus:registry$/ }, () => ({
      path: resolve(PROJECT, 'shared/flow/registry.ts'),
    }))
    builder.onResolve({ filter: /^qubus\// }, ({ path }) => ({
      errors: [{ text: `${path} can't be used in flow code: it talks to the system from outside` }],
    }))
    builder.onResolve({ filter: /^zod(\/.*)?$/ }, async ({ path, kind, resolveDir, pluginData }) => {
      if (pluginData === 'asked') return undefined
      const theirs = await builder.resolve(path, { kind, resolveDir, pluginData: 'asked' })
      return theirs.errors.length === 0
        ? theirs
        : builder.resolve(path, { kind, resolveDir: PROJECT, pluginData: 'asked' })
    })
  },
}

// The same content on two machines must have the same hash: our own sources are named by what they are, not where.
function portable(map: string, sourceRoot: string): string {
  const parsed = JSON.parse(map) as { sources: string[] }
  parsed.sources = parsed.sources.map((source) => portableName(source, sourceRoot))
  return JSON.stringify(parsed)
}

// The bundler writes the path of each file above its code, and as the name of a CommonJS module.
function namedPortably(code: string, files: string[], sourceRoot: string): string {
  const names = new Map(files.map((file) => [file, portableName(file, sourceRoot)]))
  return code.replaceAll(/^(\/\/ | *")([^"\n]+)/gm, (whole, before: string, file: string) => {
    const name = names.get(file)
    return name === undefined ? whole : before + name
  })
}

function portableName(file: string, sourceRoot: string): string {
  const absolute = resolve(sourceRoot, file)
  const inProject = relative(PROJECT, absolute)
  const inFlow = relative(sourceRoot, absolute)
  if (!inFlow.startsWith('..')) return inFlow
  return inProject.startsWith(`..${sep}`) ? inFlow : `qubus:///${inProject}`
}

/** The bundle's text with the sources of its map made absolute, so that stacks name the author's files. */
export function withAbsoluteSources(bytes: Uint8Array, sourceRoot: string | undefined): string {
  const text = new TextDecoder().decode(bytes)
  const at = text.lastIndexOf(MARK)
  if (at < 0 || sourceRoot === undefined) return text
  const map = JSON.parse(Buffer.from(text.slice(at + MARK.length), 'base64').toString()) as {
    sources: string[]
  }
  map.sources = map.sources.map((source) =>
    source.startsWith('qubus:') ? source : resolve(sourceRoot, source),
  )
  return `${text.slice(0, at) + MARK + Buffer.from(JSON.stringify(map)).toString('base64')}\n`
}
