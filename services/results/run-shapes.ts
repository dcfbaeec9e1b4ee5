/** The columns that records of `RUNS` fill, table by table, and rows of them. */
import { Rows } from './columns.ts'

export const SHAPES = {
  requested: {
    run: 'text',
    shard: 'int4',
    flow: 'text',
    name: 'text',
    bundle: 'text',
    digest: 'text',
    pool: 'text',
    project: 'text',
    user: 'text',
    tags: 'text',
    priority: 'int4',
    parent_run: 'text',
    parent_step: 'int4',
    params: 'bytea',
    params_blob: 'text',
    params_size: 'int8',
    requested_at: 'float8',
    accepted_at: 'float8',
  },
  completed: {
    run: 'text',
    shard: 'int4',
    state: 'text',
    result: 'bytea',
    result_blob: 'text',
    result_size: 'int8',
    error: 'text',
    steps: 'int4',
    started_at: 'float8',
    ended_at: 'float8',
  },
  steps: {
    run: 'text',
    step: 'int4',
    kind: 'text',
    name: 'text',
    label: 'text',
    state: 'text',
    attempt: 'int4',
    pool: 'text',
    device: 'text',
    node: 'text',
    job: 'text',
    writer: 'text',
    queued_at: 'float8',
    started_at: 'float8',
    ended_at: 'float8',
    result: 'bytea',
    result_blob: 'text',
    result_size: 'int8',
    error: 'text',
  },
  attempts: {
    run: 'text',
    step: 'int4',
    attempt: 'int4',
    nth: 'int4',
    writer: 'text',
    node: 'text',
    job: 'text',
    pool: 'text',
    device: 'text',
    error: 'text',
    uncharged: 'bool',
    queued_at: 'float8',
    started_at: 'float8',
    ended_at: 'float8',
  },
  circuits: {
    run: 'text',
    step: 'int4',
    name: 'text',
    device: 'text',
    engine: 'text',
    engine_version: 'text',
    method: 'text',
    shots: 'int8',
    seed: 'float8',
    qubits: 'int4',
    clbits: 'int4',
    gates: 'int8',
    depth: 'int8',
    seconds: 'float8',
    counts: 'text',
  },
  artifacts: {
    run: 'text',
    step: 'int4',
    nth: 'int4',
    key: 'text',
    type: 'text',
    value: 'bytea',
    value_blob: 'text',
    value_size: 'int8',
    at: 'float8',
  },
} as const

export type RunRows = {
  requested: Rows<typeof SHAPES.requested>
  completed: Rows<typeof SHAPES.completed>
  steps: Rows<typeof SHAPES.steps>
  attempts: Rows<typeof SHAPES.attempts>
  circuits: Rows<typeof SHAPES.circuits>
  artifacts: Rows<typeof SHAPES.artifacts>
}

export function noRunRows(): RunRows {
  return {
    requested: new Rows(SHAPES.requested),
    completed: new Rows(SHAPES.completed),
    steps: new Rows(SHAPES.steps),
    attempts: new Rows(SHAPES.attempts),
    circuits: new Rows(SHAPES.circuits),
    artifacts: new Rows(SHAPES.artifacts),
  }
}
