/** Artifacts: what a run leaves for people to look at. In a flow each is a step; in a task it goes with the task's outcome. */
import type { Artifact } from '../contract/step-record.ts'
import { TaskFuture } from './future.ts'
import { bad } from './options.ts'
import { currentFlow, currentRuntime } from './runtime.ts'

export const artifact = {
  markdown: (key: string, text: string): Promise<void> => record(key, 'markdown', text),
  /** Rows with the same keys. */
  table: (key: string, rows: readonly Record<string, unknown>[]): Promise<void> => record(key, 'table', rows),
  json: (key: string, value: unknown): Promise<void> => record(key, 'json', value),
  /** A picture: SVG text, or bytes with their media type. */
  image: (key: string, image: string | { mediaType: string; bytes: Uint8Array }): Promise<void> =>
    record(
      key,
      'image',
      typeof image === 'string'
        ? { mediaType: 'image/svg+xml', bytes: new TextEncoder().encode(image) }
        : image,
    ),
  link: (key: string, href: string, text?: string): Promise<void> =>
    record(key, 'link', { href, text: text ?? href }),
}

function record(key: string, type: Artifact['type'], value: unknown): Promise<void> {
  if (typeof key !== 'string' || key === '' || key.length > 200)
    bad('artifact', 'the key', key, 'a text of 1 to 200 characters')
  const task = currentRuntime()?.task()
  if (task) {
    task.artifact(key, type, value)
    return Promise.resolve()
  }
  return TaskFuture.request<void>(currentFlow('artifact'), {
    kind: 'artifact',
    name: key,
    value: { key, type, value },
    policy: {},
  })
}
