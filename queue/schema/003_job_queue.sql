-- The job queue. prio and claimable are generated so that the claim's index
-- holds nothing but work to do, in the order it is to be done.
CREATE TABLE job_queue (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  type text NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  user_id uuid,
  video_id uuid,
  priority text NOT NULL DEFAULT 'normal'
    CHECK (priority IN ('low', 'normal', 'high')),
  prio smallint GENERATED ALWAYS AS
    (CASE priority WHEN 'high' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END) STORED,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN
    ('pending', 'processing', 'completed', 'failed', 'cancelled')),
  attempts int NOT NULL DEFAULT 0,
  max_attempts int NOT NULL DEFAULT 3 CHECK (max_attempts > 0),
  run_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  completed_at timestamptz,
  failed_at timestamptz,
  error text,
  errors jsonb NOT NULL DEFAULT '[]',
  result jsonb,
  progress smallint NOT NULL DEFAULT 0,
  locked_by text,
  lease_until timestamptz,
  cancel_requested_at timestamptz,
  dedupe_key text,
  parent_id uuid,
  claimable boolean GENERATED ALWAYS AS
    (status = 'pending' OR (status = 'failed' AND attempts < max_attempts))
    STORED
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01,
        autovacuum_vacuum_cost_delay = 0);

CREATE INDEX job_claim ON job_queue (prio, run_at, id) WHERE claimable;
-- For every eighth claim, oldest first whatever the priority.
CREATE INDEX job_oldest ON job_queue (run_at, id) WHERE claimable;
CREATE INDEX job_lease ON job_queue (lease_until) WHERE status = 'processing';
CREATE INDEX job_done ON job_queue (completed_at) WHERE status = 'completed';
CREATE UNIQUE INDEX job_dedupe ON job_queue (dedupe_key)
  WHERE dedupe_key IS NOT NULL;
CREATE INDEX job_children ON job_queue (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX job_of_video ON job_queue (video_id)
  WHERE status <> 'completed';

-- The queue under the column names of the original system.
CREATE VIEW job_queue_v0 WITH (security_invoker = true) AS
  SELECT id, type, payload AS data, user_id, priority, status, attempts,
         max_attempts, error AS error_message, result, created_at, started_at,
         completed_at, failed_at
  FROM job_queue;
