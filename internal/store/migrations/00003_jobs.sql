-- +goose Up

-- Outbox and queue in one: a job commits together with the act that it follows.
CREATE TABLE job (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  args TEXT NOT NULL,
  unique_key TEXT,             -- NULL = may stand beside its like
  state TEXT NOT NULL,         -- available, running, completed, cancelled, discarded
  run_at TEXT NOT NULL,        -- not before
  attempt BIGINT NOT NULL,     -- how often it was started
  max_attempts BIGINT NOT NULL,
  leased_by TEXT NOT NULL,
  lease_until TEXT NOT NULL,   -- while running: when others may think it stuck
  created TEXT NOT NULL,
  finished TEXT NOT NULL,
  error TEXT NOT NULL          -- of the last attempt
);
CREATE INDEX job_due ON job (state, run_at, id);
CREATE INDEX job_finished ON job (finished) WHERE finished <> '';
-- A unique key holds while the job waits. One that runs may have read the state
-- already that a new job is about, so it does not stand in a new one's way.
CREATE UNIQUE INDEX job_unique ON job (unique_key) WHERE state = 'available' AND unique_key IS NOT NULL;

-- When each periodic job is put into the queue next.
CREATE TABLE periodic (
  name TEXT PRIMARY KEY,
  next_at TEXT NOT NULL
);

-- +goose Down
-- forward only
