-- What the log says of a run since flows are tried again, go on from others, and are asked for by schedules.

alter table runs
  add column resumes text,
  add column schedule text,
  add column scheduled_for timestamptz,
  -- The run at the top of the tree, of a sub-flow.
  add column root_run text,
  add column timeout_seconds double precision,
  add column version text,
  -- Attempts of the flow as a whole; known when the run has ended.
  add column attempts integer;
create index runs_of_user on runs ("user", requested_at) where "user" is not null;
create index runs_of_schedule on runs (schedule, requested_at) where schedule is not null;

-- Nothing was done for a step that has these: it took what that step of that run came to.
alter table steps
  add column from_how text,
  add column from_run text,
  add column from_step integer,
  add column from_at timestamptz;

-- Attempts of a flow as a whole that failed, and were followed by another one. Its steps begin after `base`.
create table run_attempts (
  run text not null,
  attempt integer not null,
  error jsonb not null,
  base integer not null,
  writer text not null,
  failed_at timestamptz not null,
  due_at timestamptz not null,
  primary key (run, attempt)
);
