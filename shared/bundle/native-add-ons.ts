/**
 * Native add-ons can't be part of a bundle: it is one file of JavaScript, for any host. Whoever needs one is told when his
 * code asks for it; a package that only tries for one, and goes on without, may.
 */
import { sep } from 'node:path'
import type { Plugin } from 'esbuild'

/** Packages that look for an add-on beside the package that calls them. */
const LOOKERS = ['bindings', 'node-gyp-build', 'node-gyp-build-optional-packages', '@mapbox/node-pre-gyp']
const LOOKER = new RegExp(`^(?:${LOOKERS.map((name) => name.replaceAll('/', '\\/')).join('|')})$`)

export const nativeAddOns: Plugin = {
  name: 'native add-ons',
  setup(builder) {
    builder.onResolve({ filter: /\.node$/ }, ({ path, importer }) => ({
      path: `${path} for ${packageOf(importer) ?? path}`,
      namespace: 'native',
      pluginData: { asker: packageOf(importer), file: path },
    }))
    builder.onResolve({ filter: LOOKER }, ({ path, importer }) => ({
      path: `${path} for ${packageOf(importer) ?? path}`,
      namespace: 'native',
      pluginData: { asker: packageOf(importer), file: undefined },
    }))
    // CommonJS, so that it throws where it is asked for.
    builder.onLoad({ filter: /.*/, namespace: 'native' }, ({ pluginData }) => ({
      contents: `module.exports = (() => { throw new Error(${JSON.stringify(messageOf(pluginData))}) })()`,
      loader: 'js',
    }))
  },
}

function messageOf({ asker, file }: { asker: string | undefined; file: string | undefined }): string {
  const what =
    asker === undefined
      ? `${file} is a native add-on`
      : `the package ${asker} has a native add-on${file === undefined ? '' : ` (${file})`}`
  const name = JSON.stringify(asker ?? file)
  return `${what}, which can't be part of a flow's bundle: run what needs it as a program, such as program('node', ['fit.js']), or load it inside a task from where the workers have it: createRequire('/opt/project/')(${name})`
}

/** The package that a file is part of; undefined for the author's own. */
function packageOf(file: string): string | undefined {
  const inside = file.split(`${sep}node_modules${sep}`).slice(1).at(-1)?.split(sep)
  if (inside === undefined) return undefined
  return inside.slice(0, inside[0]?.startsWith('@') ? 2 : 1).join('/')
}
