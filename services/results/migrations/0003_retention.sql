-- What is needed to let go of rows and blobs in the order of their age.

alter table runs add column logs_kept boolean not null default true;
create index runs_with_logs on runs (ended_at) where logs_kept;
create index runs_off_the_broker on runs (ended_at) where kept = 'nothing';

-- Which rows refer to a blob: few have one.
create index runs_params_blob on runs (params_blob) where params_blob is not null;
create index runs_result_blob on runs (result_blob) where result_blob is not null;
create index runs_bundle on runs (bundle) where bundle is not null and kept <> 'nothing';
create index steps_result_blob on steps (result_blob) where result_blob is not null;
create index artifacts_value_blob on artifacts (value_blob) where value_blob is not null;
