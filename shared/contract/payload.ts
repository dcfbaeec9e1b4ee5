/** A user's value inside a message: encoded bytes, or the SHA-256 of a blob that holds them. */
import { z } from 'zod'

export const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes are wanted')

export const Payload = z.union([
  z.object({ inline: Bytes }),
  z.object({ blob: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int().nonnegative() }),
])
export type Payload = z.infer<typeof Payload>
