-- Values of users travel as they are: inline bytes, or the SHA-256 and size of a blob.

create table runs (
  run text primary key,
  shard smallint not null,
  flow text not null,
  name text not null,
  state text not null,
  bundle text,
  digest text,
  pool text,
  project text,
  "user" text,
  tags jsonb,
  priority integer,
  parent_run text,
  parent_step integer,
  params bytea,
  params_blob text,
  params_size bigint,
  result bytea,
  result_blob text,
  result_size bigint,
  error jsonb,
  -- Steps that the flow asked for; known when the run has ended.
  steps integer,
  requested_at timestamptz not null,
  accepted_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  -- What the broker still holds of the run: whole, purging, tombstones, nothing.
  kept text not null default 'whole'
);
create index runs_newest on runs (requested_at);
create index runs_whole on runs (ended_at) where ended_at is not null and kept in ('whole', 'purging');
create index runs_tombstones on runs (ended_at) where kept = 'tombstones';

create table steps (
  run text not null,
  step integer not null,
  kind text not null,
  name text not null,
  label text,
  state text not null,
  attempt integer not null,
  pool text,
  device text,
  node text not null,
  job text,
  writer text not null,
  queued_at timestamptz not null,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  result bytea,
  result_blob text,
  result_size bigint,
  error jsonb,
  primary key (run, step)
);

-- Attempts that failed (nth = 0) and losses of an attempt (nth = 1, 2, …).
create table attempts (
  run text not null,
  step integer not null,
  attempt integer not null,
  nth integer not null,
  writer text not null,
  node text,
  job text,
  pool text,
  device text,
  error jsonb,
  uncharged boolean not null,
  queued_at timestamptz,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  primary key (run, step, attempt, nth)
);

-- Counts in Qiskit's bit order: rightmost = classical bit 0.
create table circuits (
  run text not null,
  step integer not null,
  name text not null,
  device text not null,
  engine text not null,
  engine_version text not null,
  method text not null,
  shots bigint not null,
  seed double precision not null,
  qubits integer not null,
  clbits integer not null,
  gates bigint not null,
  depth bigint not null,
  seconds double precision not null,
  counts jsonb not null,
  primary key (run, step)
);

create table artifacts (
  run text not null,
  step integer not null,
  nth integer not null,
  key text not null,
  type text not null,
  value bytea,
  value_blob text,
  value_size bigint,
  at timestamptz not null,
  primary key (run, step, nth)
);

create table logs (
  id bigint generated always as identity,
  run text not null,
  step integer not null,
  attempt integer not null,
  writer text not null,
  seq bigint not null,
  line integer not null,
  at timestamptz not null,
  level text not null,
  stream text not null,
  text text not null,
  fields jsonb,
  primary key (run, step, attempt, writer, seq, line)
);
create index logs_in_order on logs (run, id);

-- How far each part of a stream is in these tables; changed only together with the rows themselves.
create table positions (
  unit text primary key,
  position bigint not null default 0,
  -- When the broker made the stream: another one counts from 1 again.
  stream_created text,
  -- Counted in the same transactions, since count(*) over all rows takes seconds.
  runs bigint not null default 0,
  steps bigint not null default 0,
  purged bigint not null default 0
) with (fillfactor = 20);
