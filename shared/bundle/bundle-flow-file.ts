/** A flow file and all that it imports as one file, named by the SHA-256 of its content. */
import { hash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildFailure, type BuildOptions, type BuildResult, build, type Plugin, stop } from 'esbuild'
import { QubusError } from '../contract/errors.ts'
import { nativeAddOns } from './native-add-ons.ts'

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
 * @param seen gets the paths of what it is made of, packages and Qubus aside; also when it fails.
 * @throws QubusError `BUNDLE_FAILED` with file, line and column of what is wrong.
 */
export async function bundleFlowFile(path: string, seen?: Set<string>): Promise<Bundle> {
  const file = resolve(path)
  seen?.add(file)
  const found = await stat(file).catch(() => undefined)
  if (found === undefined) throw new QubusError('BUNDLE_FAILED', `${path}: there is no such file`)
  if (!found.isFile()) throw new QubusError('BUNDLE_FAILED', `${path}: it is no file: name a flow file in it`)
  return bundleEntry(`export * as file from ${JSON.stringify(file)}\n`, dirname(file), seen)
}

/** Bundles a graph, which has no code of its own: its circuits are in it. @param sourceRoot where it was read. */
export function bundleGraph(document: unknown, sourceRoot: string): Promise<Bundle> {
  const text = JSON.stringify(JSON.stringify(document))
  return bundleEntry(
    `import { graphFlow } from 'qubus:graph'\nexport const file = { default: graphFlow(JSON.parse(${text})) }\n`,
    sourceRoot,
  )
}

async function bundleEntry(entry: string, sourceRoot: string, seen?: Set<string>): Promise<Bundle> {
  const [code, map] = await compile(entry, sourceRoot, seen)
  const bytes = new TextEncoder().encode(
    `${code + MARK + Buffer.from(portable(map, sourceRoot)).toString('base64')}\n`,
  )
  return { bytes, hash: hash('sha256', bytes), sourceRoot }
}

async function compile(
  entry: string,
  sourceRoot: string,
  seen: Set<string> | undefined,
): Promise<[code: string, map: string]> {
  try {
    const result = await buildOnce({
      stdin: {
        contents: `${entry}export { registry } from 'qubus:registry'\n`,
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
      plugins: [...(seen === undefined ? [] : [seeFiles(seen, sourceRoot)]), resolveOurs, nativeAddOns],
    })
    const text = (suffix: string) =>
      result.outputFiles?.find((each) => each.path.endsWith(suffix))?.text ?? ''
    return [namedPortably(text('.mjs'), Object.keys(result.metafile?.inputs ?? {}), sourceRoot), text('.map')]
  } catch (cause) {
    const messages = (cause as BuildFailure).errors?.slice(0, 5).map(({ text, location }) => {
      const said = text + adviceOn(text)
      return location ? `${location.file}:${location.line}:${location.column + 1}: ${said}` : said
    })
    throw new QubusError('BUNDLE_FAILED', messages?.join('\n') ?? (cause as Error).message, { cause })
  }
}

function adviceOn(text: string): string {
  const missing = /^Could not resolve "([^"]+)"/.exec(text)?.[1]
  if (missing === undefined) return ''
  if (/^[./]/.test(missing)) return ': there is no such file'
  const name = missing
    .split('/')
    .slice(0, missing.startsWith('@') ? 2 : 1)
    .join('/')
  return `: install it where the flow file is (npm install ${name})`
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

// What is not there yet counts, too: it may come.
function seeFiles(seen: Set<string>, sourceRoot: string): Plugin {
  const see = (path: string): undefined => {
    const ours = path.startsWith(PROJECT + sep) && !path.startsWith(sourceRoot + sep)
    if (!ours && !path.includes(`${sep}node_modules${sep}`)) seen.add(path)
  }
  return {
    name: 'qubus-seen',
    setup(builder) {
      builder.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => see(resolve(resolveDir, path)))
      builder.onLoad({ filter: /./, namespace: 'file' }, ({ path }) => see(path))
    },
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
    builder.onResolve({ filter: /^qubus:graph$/ }, () => ({
      path: resolve(PROJECT, 'shared/graph/graph-flow.ts'),
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
