/** `published.<name>`: a flow that can be asked for by its name. The last one published under a name is the one. */
import { z } from 'zod'
import { nameToken } from './ids.ts'

export const PublishedFlow = z.object({
  flow: z.string(),
  bundle: z.string(),
  sourceRoot: z.string().optional(),
  /** The file that it came from. */
  file: z.string().optional(),
  /** What its parameters must be, as a JSON Schema (draft 2020-12), where its input says so. */
  input: z.record(z.string(), z.unknown()).optional(),
  by: z.string(),
  /** Unix milliseconds. */
  at: z.number(),
})
export type PublishedFlow = z.infer<typeof PublishedFlow>

/** What its version is called: the beginning of the bundle's digest, so the same code is the same version. */
export function versionOf({ bundle }: Pick<PublishedFlow, 'bundle'>): string {
  return bundle.slice(0, 12)
}

/** The name as a token of a subject. */
export const publishedKey = nameToken
