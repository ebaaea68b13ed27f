-- Leases belong to workers: one row per processor process, renewed by one
-- statement for all the jobs it holds. A claim touches no indexed column of
-- job_queue, so that its update stays within the row's page and costs no
-- index entry: every index speaks of `live`, which a claim does not change.

CREATE TABLE workers (
  name text PRIMARY KEY,                     -- new at each start of a process
  host text NOT NULL DEFAULT '',
  types text[] NOT NULL DEFAULT '{}',        -- what it can run
  started_at timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz NOT NULL
) WITH (fillfactor = 50);

-- How many jobs of a type may run at once, whatever the number of workers.
-- running: the jobs that took a place; ended ones are dropped at the next
-- claim. A type without a row has no limit and costs nothing.
CREATE TABLE job_limits (
  type text PRIMARY KEY,
  max_running int NOT NULL CHECK (max_running >= 0),
  running uuid[] NOT NULL DEFAULT '{}'
);

-- What runs while this is applied keeps the lease it has. An owner that is no
-- superuser sees the rows only while row level security does not bind it.
ALTER TABLE job_queue NO FORCE ROW LEVEL SECURITY;
INSERT INTO workers (name, started_at, lease_until)
SELECT locked_by, min(started_at), max(lease_until) FROM job_queue
WHERE status = 'processing' AND locked_by IS NOT NULL GROUP BY locked_by;

DROP INDEX job_claim, job_oldest, job_lease, job_done, job_of_video;
ALTER TABLE job_queue
  DROP COLUMN lease_until,
  -- others wait for this job: it is not ended in a batch of many
  ADD COLUMN has_children boolean NOT NULL DEFAULT false,
  -- still to be done, or being done
  ADD COLUMN live boolean GENERATED ALWAYS AS
    (status IN ('pending', 'processing') OR
     (status = 'failed' AND attempts < max_attempts)) STORED;
CREATE INDEX job_live ON job_queue (prio, run_at, id) WHERE live;
CREATE INDEX job_done ON job_queue (completed_at)
  WHERE completed_at IS NOT NULL;
CREATE INDEX job_of_video ON job_queue (video_id) WHERE video_id IS NOT NULL;

UPDATE job_queue SET has_children = true
WHERE id IN (SELECT parent_id FROM job_queue WHERE parent_id IS NOT NULL);
ALTER TABLE job_queue FORCE ROW LEVEL SECURITY;

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['workers', 'job_limits'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, authenticated', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO service_role',
                   t);
    EXECUTE format('CREATE POLICY service ON %I TO service_role '
                   'USING (true) WITH CHECK (true)', t);
  END LOOP;
END $$;

-- What failed for good, newest first: nothing touches these rows any more.
CREATE VIEW job_dead_letters WITH (security_invoker = true) AS
  SELECT id, type, priority, user_id, video_id, attempts, error, errors,
         payload, created_at, failed_at
  FROM job_queue WHERE status = 'failed' AND NOT claimable
  ORDER BY failed_at DESC;
REVOKE ALL ON job_dead_letters FROM PUBLIC, authenticated;
GRANT SELECT ON job_dead_letters TO service_role;

-- ---- adding -----------------------------------------------------------------

/*
 * jobs_add - a batch of jobs, one element of each array a job; NULL elements
 * are defaults. A job whose dedupe key is taken is not added. A job with a
 * parent waits for it, unless that has completed. Answers the id of each, in
 * order: another one than was given is that of the job that has the key.
 */
CREATE FUNCTION jobs_add(p_ids uuid[], p_types text[], p_payloads text[],
  p_priorities text[], p_run_at bigint[], p_max_attempts int[],
  p_dedupe_keys text[], p_parents uuid[], p_users uuid[], p_videos uuid[])
RETURNS SETOF uuid LANGUAGE plpgsql AS $$
BEGIN
  -- The lock makes a parent either be ended after its child is there, or be
  -- seen as ended.
  IF cardinality(array_remove(p_parents, NULL)) > 0 THEN
    PERFORM FROM job_queue WHERE id = ANY (p_parents) ORDER BY id FOR UPDATE;
    IF EXISTS (SELECT FROM unnest(p_parents) p(id) WHERE id IS NOT NULL AND
               NOT EXISTS (SELECT FROM job_queue j WHERE j.id = p.id
                           AND (j.live OR j.status = 'completed'))) THEN
      RAISE EXCEPTION 'parent has failed' USING ERRCODE = 'RG409';
    END IF;
    UPDATE job_queue SET has_children = true
    WHERE id = ANY (p_parents) AND NOT has_children;
  END IF;
  INSERT INTO job_queue (id, type, payload, priority, run_at, max_attempts,
                         dedupe_key, parent_id, user_id, video_id)
  SELECT i.id, i.type, coalesce(i.payload, '{}')::jsonb,
    coalesce(i.priority, 'normal'),
    CASE WHEN i.parent IS NOT NULL AND (SELECT live FROM job_queue p
                                        WHERE p.id = i.parent) THEN 'infinity'
         ELSE coalesce('epoch'::timestamptz + i.run_at * interval '1 us',
                       now()) END,
    coalesce(i.max_attempts, 3), i.dedupe_key, i.parent, i.user_id, i.video
  FROM unnest(p_ids, p_types, p_payloads, p_priorities, p_run_at,
              p_max_attempts, p_dedupe_keys, p_parents, p_users, p_videos)
    i (id, type, payload, priority, run_at, max_attempts, dedupe_key, parent,
       user_id, video)
  ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING;
  IF cardinality(array_remove(p_dedupe_keys, NULL)) = 0 THEN
    RETURN QUERY SELECT unnest(p_ids);
  ELSE
    RETURN QUERY SELECT coalesce(j.id, i.id)
      FROM unnest(p_ids, p_dedupe_keys) WITH ORDINALITY i (id, key, place)
      LEFT JOIN job_queue j ON j.dedupe_key = i.key ORDER BY i.place;
  END IF;
END $$;

-- ---- claiming ---------------------------------------------------------------

-- How many more jobs of each limited type may start. Holds the limits' rows
-- until the end of the transaction, so that one claim at a time counts.
CREATE FUNCTION job_rooms(p_types text[])
RETURNS TABLE (type text, room int) LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM job_limits l WHERE l.type = ANY (p_types)) THEN
    RETURN;
  END IF;
  PERFORM FROM job_limits l WHERE l.type = ANY (p_types)
  ORDER BY l.type FOR UPDATE;
  UPDATE job_limits l SET running = ARRAY(
    SELECT j.id FROM job_queue j
    WHERE j.id = ANY (l.running) AND j.status = 'processing')
  WHERE l.type = ANY (p_types) AND l.running <> '{}';
  RETURN QUERY SELECT l.type, greatest(l.max_running -
                                       cardinality(l.running), 0)
    FROM job_limits l WHERE l.type = ANY (p_types);
END $$;

-- Sets the limit of a type, NULL for none. What runs already counts.
CREATE FUNCTION job_limit_set(p_type text, p_max int) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF p_max IS NULL THEN
    DELETE FROM job_limits WHERE type = p_type;
  ELSE
    INSERT INTO job_limits (type, max_running) VALUES (p_type, p_max)
    ON CONFLICT (type) DO UPDATE SET max_running = excluded.max_running;
    UPDATE job_limits SET running = ARRAY(
      SELECT id FROM job_queue WHERE live AND status = 'processing'
        AND type = p_type)
    WHERE type = p_type;
  END IF;
  PERFORM pg_notify('job_queue', p_type);
END $$;

/*
 * job_pick - locks up to p_n due jobs of one priority, longest due first, and
 * answers where they are. Jobs of limited types are looked for apart, so that
 * a full type hides no other. The rows are locked by statements of their own:
 * joined to an UPDATE, the planner may run the LIMIT more than once.
 */
CREATE FUNCTION job_pick(p_prio smallint, p_free text[], p_limited text[],
                         p_rooms int[], p_n int)
RETURNS tid[] LANGUAGE plpgsql AS $$
DECLARE picked tid[];
BEGIN
  IF p_limited IS NULL THEN
    SELECT array_agg(c.ctid) INTO picked FROM (
      SELECT ctid FROM job_queue WHERE live AND prio = p_prio
        AND run_at <= now() AND claimable AND type = ANY (p_free)
      ORDER BY run_at, id LIMIT p_n FOR UPDATE SKIP LOCKED) c;
  ELSE
    SELECT array_agg(m.ctid) INTO picked FROM (
      SELECT c.ctid FROM (
        SELECT p_free AS types, p_n AS room WHERE p_free <> '{}'
        UNION ALL
        SELECT ARRAY[l.type], least(l.room, p_n)
        FROM unnest(p_limited, p_rooms) l (type, room)) g
      CROSS JOIN LATERAL (
        SELECT ctid, run_at, id FROM job_queue WHERE live AND prio = p_prio
          AND run_at <= now() AND claimable AND type = ANY (g.types)
        ORDER BY run_at, id LIMIT g.room FOR UPDATE SKIP LOCKED) c
      ORDER BY c.run_at, c.id LIMIT p_n) m;
  END IF;
  RETURN coalesce(picked, '{}');
END $$;

-- The priorities in the order of a claim: high first, or first the one whose
-- job has been due longest.
CREATE FUNCTION job_prios(p_types text[], p_oldest boolean)
RETURNS smallint[] LANGUAGE plpgsql AS $$
DECLARE
  first smallint;
  due timestamptz;
  since timestamptz := 'infinity';
BEGIN
  IF p_oldest THEN
    FOR p IN 0 .. 2 LOOP
      SELECT run_at INTO due FROM job_queue WHERE live AND prio = p::smallint
        AND run_at <= now() AND claimable AND type = ANY (p_types)
      ORDER BY run_at, id LIMIT 1;
      IF due < since THEN
        since := due;
        first := p;
      END IF;
    END LOOP;
  END IF;
  RETURN coalesce(first || array_remove('{0,1,2}'::smallint[], first),
                  '{0,1,2}');
END $$;

DROP FUNCTION job_claim(text, text[], int, interval, boolean);
/*
 * job_claim - up to p_n due jobs for a worker, best priority first, or first
 * of the priority whose job has been due longest. One query per priority
 * keeps to an exact range of job_live, however many jobs wait for their time.
 * The worker's row is held meanwhile: it is not taken for dead before the
 * claim is seen.
 */
CREATE FUNCTION job_claim(p_worker text, p_types text[], p_n int,
                          p_oldest boolean)
RETURNS SETOF job_queue ROWS 4 LANGUAGE plpgsql AS $$
DECLARE
  free text[] := p_types;
  limited text[];
  rooms int[];
  picked tid[] := '{}';
  p smallint;
  j job_queue;
  with_video uuid[] := '{}';
BEGIN
  PERFORM FROM workers WHERE name = p_worker FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'worker is not registered' USING ERRCODE = 'RG410';
  END IF;
  SELECT array_agg(r.type), array_agg(r.room) INTO limited, rooms
  FROM job_rooms(p_types) r;
  IF limited IS NOT NULL THEN
    free := ARRAY(SELECT t FROM unnest(p_types) t WHERE t <> ALL (limited));
  END IF;

  FOREACH p IN ARRAY job_prios(p_types, p_oldest) LOOP
    picked := picked || job_pick(p, free, limited, rooms,
                                 p_n - cardinality(picked));
    EXIT WHEN cardinality(picked) >= p_n;
    IF limited IS NOT NULL THEN
      rooms := ARRAY(SELECT l.room - (SELECT count(*)::int FROM job_queue q
                       WHERE q.ctid = ANY (picked) AND q.type = l.type
                         AND q.prio = p)
                     FROM unnest(limited, rooms) WITH ORDINALITY
                       l (type, room, place) ORDER BY l.place);
    END IF;
  END LOOP;

  FOR j IN UPDATE job_queue q SET status = 'processing',
      attempts = q.attempts + 1, started_at = now(), completed_at = NULL,
      locked_by = p_worker, progress = 0
    WHERE q.ctid = ANY (picked) RETURNING q.* LOOP
    IF j.video_id IS NOT NULL THEN
      with_video := with_video || j.id;
    END IF;
    IF j.type = ANY (limited) THEN
      UPDATE job_limits l SET running = l.running || j.id
      WHERE l.type = j.type;
    END IF;
    RETURN NEXT j;
  END LOOP;
  IF with_video <> '{}' THEN
    PERFORM job_started(with_video);
  END IF;
END $$;

-- ---- workers ----------------------------------------------------------------

DROP FUNCTION job_heartbeat(uuid, int, text, interval, int);
/*
 * worker_beat - registers a worker or renews its lease, writes the progress
 * of its jobs (NULL: as it was), which never falls within a run and never at
 * all on a video, and answers which of them to stop: lost ones belong to
 * somebody else now, of the others a cancel was asked for.
 */
CREATE FUNCTION worker_beat(p_name text, p_host text, p_types text[],
  p_lease interval, p_ids uuid[], p_attempts int[], p_percents int[])
RETURNS TABLE (id uuid, lost boolean) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO workers AS w (name, host, types, lease_until)
  VALUES (p_name, p_host, p_types, now() + p_lease)
  ON CONFLICT (name) DO UPDATE SET lease_until = now() + p_lease;
  IF cardinality(array_remove(p_percents, NULL)) > 0 THEN
    UPDATE videos v SET updated_at = now(),
      progress = greatest(v.progress, video_percent(j.type, i.percent))
    FROM (SELECT * FROM unnest(p_ids, p_attempts, p_percents)
            u (id, attempt, percent)
          WHERE u.percent IS NOT NULL ORDER BY u.id) i
    JOIN job_queue j ON j.id = i.id AND j.attempts = i.attempt
      AND j.locked_by = p_name AND j.status = 'processing'
    WHERE v.id = j.video_id AND job_drives(j, v)
      AND v.analysis_status = 'processing'
      AND v.progress < video_percent(j.type, i.percent);
    UPDATE job_queue j SET progress = i.percent
    FROM (SELECT * FROM unnest(p_ids, p_attempts, p_percents)
            u (id, attempt, percent)
          WHERE u.percent IS NOT NULL ORDER BY u.id) i
    WHERE j.id = i.id AND j.attempts = i.attempt AND j.locked_by = p_name
      AND j.status = 'processing' AND j.progress < i.percent;
  END IF;
  RETURN QUERY SELECT i.id, j.id IS NULL
    FROM unnest(p_ids, p_attempts) i (id, attempt)
    LEFT JOIN job_queue j ON j.id = i.id AND j.attempts = i.attempt
      AND j.locked_by = p_name AND j.status = 'processing'
    WHERE j.id IS NULL OR j.cancel_requested_at IS NOT NULL;
END $$;

-- An orderly end: what the worker still holds is given back.
CREATE FUNCTION worker_leave(p_name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE c record;
BEGIN
  PERFORM FROM workers WHERE name = p_name FOR UPDATE;
  FOR c IN SELECT id, attempts FROM job_queue WHERE live
           AND status = 'processing' AND locked_by = p_name ORDER BY id LOOP
    PERFORM job_release(c.id, c.attempts, p_name);
  END LOOP;
  DELETE FROM workers WHERE name = p_name;
END $$;

DROP FUNCTION job_rescue(text[]);
/*
 * job_rescue - runs of workers that fell silent become failed attempts; so do
 * runs whose worker nobody knows. Jobs of a type that neither p_known nor any
 * worker names fail for good. At most 1000 at a time; answers how many. One
 * process at a time does it.
 */
CREATE FUNCTION job_rescue(p_known text[]) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  dead text[];
  known text[];
  c record;
  j job_queue;
  n int := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('reelgate'),
                                   hashtext('job_rescue')) THEN
    RETURN 0;
  END IF;
  -- held to the end: who is found dead cannot claim or beat meanwhile
  dead := ARRAY(SELECT name FROM workers WHERE lease_until < now()
                ORDER BY name FOR UPDATE);
  known := ARRAY(SELECT unnest(types) FROM workers) || p_known;
  FOR c IN SELECT q.id, q.claimable FROM job_queue q WHERE q.live AND
             ((q.status = 'processing' AND
               (q.locked_by = ANY (dead) OR
                NOT EXISTS (SELECT FROM workers w WHERE w.name = q.locked_by)))
              OR (q.claimable AND q.type <> ALL (known)))
           LIMIT 1000 LOOP
    j := job_lock(c.id);
    IF c.claimable AND j.claimable THEN
      PERFORM job_settle(j.id, NULL, NULL, 'failed',
                         'unknown job type ' || j.type, true);
      n := n + 1;
    ELSIF NOT c.claimable AND j.status = 'processing' AND
        (j.locked_by = ANY (dead) OR
         NOT EXISTS (SELECT FROM workers WHERE name = j.locked_by)) THEN
      PERFORM job_settle(j.id, NULL, NULL, 'failed', 'lease expired',
                         p_delay => interval '5 seconds');
      n := n + 1;
    END IF;
  END LOOP;
  DELETE FROM workers w WHERE w.name = ANY (dead) AND NOT EXISTS
    (SELECT FROM job_queue q WHERE q.live AND q.status = 'processing'
     AND q.locked_by = w.name);
  RETURN n;
END $$;

-- ---- ends -------------------------------------------------------------------

-- As before (005), without the lease; a place of a limited type that becomes
-- free is told.
CREATE OR REPLACE FUNCTION job_settle(p_id uuid, p_attempt int, p_worker text,
  p_status text, p_error text, p_permanent boolean DEFAULT false,
  p_result jsonb DEFAULT NULL, p_outcome jsonb DEFAULT '{}',
  p_delay interval DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  j job_queue := job_lock(p_id);
  v videos;
  final boolean;
BEGIN
  IF j.id IS NULL OR (p_worker IS NOT NULL AND
      (j.status, j.attempts, j.locked_by)
      IS DISTINCT FROM ('processing', p_attempt, p_worker)) THEN
    RETURN NULL;
  END IF;
  IF p_status = 'failed' AND j.cancel_requested_at IS NOT NULL THEN
    p_status := 'cancelled';
    p_error := 'cancelled';
  END IF;
  -- A job that ends for good without a run counts as run once.
  IF p_permanent THEN
    j.attempts := greatest(j.attempts, 1);
    j.max_attempts := j.attempts;
  END IF;
  final := p_status <> 'failed' OR j.attempts >= j.max_attempts;

  UPDATE job_queue SET status = p_status, locked_by = NULL,
    attempts = j.attempts, max_attempts = j.max_attempts,
    completed_at = CASE WHEN p_status = 'completed' THEN now() END,
    failed_at = CASE WHEN p_status = 'completed' THEN failed_at ELSE now() END,
    progress = CASE WHEN p_status = 'completed' THEN 100 ELSE progress END,
    result = CASE WHEN p_status = 'completed' THEN p_result ELSE result END,
    error = CASE WHEN p_status = 'completed' THEN NULL ELSE p_error END,
    errors = CASE WHEN p_status = 'completed' THEN errors ELSE errors ||
      jsonb_build_object('attempt', j.attempts, 'at', now(),
                         'error', p_error) END,
    run_at = CASE WHEN p_status <> 'failed' THEN run_at ELSE now() +
      coalesce(p_delay, least(15 * 4 ^ least(j.attempts - 1, 10), 3600) *
               (0.8 + 0.4 * random()) * interval '1 second') END
  WHERE id = j.id;

  SELECT * INTO v FROM videos WHERE id = j.video_id;
  IF p_status = 'completed' THEN
    PERFORM clips_apply(j.id, coalesce(nullif(p_outcome -> 'clips', 'null'),
                                       '[]'));
    IF job_drives(j, v) THEN
      PERFORM video_apply(j, p_outcome);
    END IF;
  ELSIF final THEN
    UPDATE clips SET status = 'failed', error = p_error
    WHERE job_id = j.id AND status IN ('queued', 'processing');
    IF job_drives(j, v) THEN
      UPDATE videos SET analysis_status = 'failed', error = p_error,
        updated_at = now() WHERE id = v.id;
    END IF;
  END IF;
  IF final THEN
    PERFORM job_settle_children(j, p_status, p_error);
  END IF;
  IF EXISTS (SELECT FROM job_limits WHERE type = j.type) THEN
    PERFORM pg_notify('job_queue', j.type);
  END IF;
  RETURN p_status;
END $$;

DROP FUNCTION job_release(uuid, int, text);
-- Gives a run back untouched: pending, due now, the attempt not counted; one
-- that was asked to stop is cancelled. NULL when the fence does not hold.
CREATE FUNCTION job_release(p_id uuid, p_attempt int, p_worker text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE t text;
BEGIN
  UPDATE job_queue SET status = 'pending', attempts = attempts - 1,
    run_at = now(), locked_by = NULL
  WHERE id = p_id AND attempts = p_attempt AND locked_by = p_worker
    AND status = 'processing' AND cancel_requested_at IS NULL
  RETURNING type INTO t;
  IF NOT FOUND THEN
    RETURN job_settle(p_id, p_attempt, p_worker, 'cancelled', 'cancelled');
  END IF;
  PERFORM pg_notify('job_queue', t);
  RETURN 'pending';
END $$;

/*
 * jobs_complete_plain - what job_settle() does to completed jobs that nothing
 * else depends on - no video, no clips, no children -, for many of a worker's
 * at once. Answers those that were ended; the others are job_settle()'s.
 */
CREATE FUNCTION jobs_complete_plain(p_worker text, p_ids uuid[],
                                    p_attempts int[], p_results text[])
RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  done uuid[];
  freed text[];
BEGIN
  WITH ended AS (
    UPDATE job_queue j SET status = 'completed', locked_by = NULL,
      completed_at = now(), progress = 100, result = i.result::jsonb,
      error = NULL
    FROM unnest(p_ids, p_attempts, p_results) i (id, attempt, result)
    WHERE j.id = i.id AND j.attempts = i.attempt AND j.locked_by = p_worker
      AND j.status = 'processing' AND j.video_id IS NULL
      AND NOT j.has_children
    RETURNING j.id, j.type)
  SELECT array_agg(e.id), array_agg(DISTINCT e.type)
    FILTER (WHERE l.type IS NOT NULL) INTO done, freed
  FROM ended e LEFT JOIN job_limits l USING (type);
  PERFORM pg_notify('job_queue', f) FROM unnest(freed) f;
  RETURN coalesce(done, '{}');
END $$;

/*
 * jobs_end - ends runs of a worker, one element of each array a run, in one
 * transaction: p_ends are completed, failed, failed for good, released.
 * Answers the jobs whose fence did not hold; nothing was done to them.
 */
CREATE FUNCTION jobs_end(p_worker text, p_ids uuid[], p_attempts int[],
  p_ends text[], p_errors text[], p_results text[], p_outcomes text[])
RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
  done uuid[] := '{}';
  c record;
  ended text;
BEGIN
  IF 'completed' = ALL (p_ends) THEN
    done := jobs_complete_plain(p_worker, p_ids, p_attempts, p_results);
    IF cardinality(done) = cardinality(p_ids) THEN
      RETURN;
    END IF;
  END IF;
  FOR c IN SELECT * FROM unnest(p_ids, p_attempts, p_ends, p_errors, p_results,
             p_outcomes) i (id, attempt, how, error, result, outcome)
           WHERE i.id <> ALL (done) ORDER BY i.id LOOP
    IF c.how = 'released' THEN
      ended := job_release(c.id, c.attempt, p_worker);
    ELSIF c.how = 'completed' THEN
      ended := job_settle(c.id, c.attempt, p_worker, 'completed', NULL,
        p_result => c.result::jsonb,
        p_outcome => coalesce(c.outcome, '{}')::jsonb);
    ELSE
      ended := job_settle(c.id, c.attempt, p_worker, 'failed', c.error,
                          c.how = 'failed for good');
    END IF;
    IF ended IS NULL THEN
      RETURN NEXT c.id;
    END IF;
  END LOOP;
END $$;

-- A job that does not run is cancelled at once, a running one asked to stop:
-- its worker hears of it on job_cancel, and at its next beat in any case.
CREATE OR REPLACE FUNCTION job_cancel(p_id uuid, p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE j job_queue := job_lock(p_id);
BEGIN
  IF j.id IS NULL THEN
    RAISE EXCEPTION 'no such job' USING ERRCODE = 'RG404';
  ELSIF j.status = 'processing' THEN
    UPDATE job_queue SET cancel_requested_at = coalesce(cancel_requested_at,
                                                        now())
    WHERE id = p_id;
    PERFORM pg_notify('job_cancel', p_id::text);
  ELSIF j.claimable THEN
    PERFORM job_settle(p_id, NULL, NULL, 'cancelled', p_reason);
  ELSE
    RAISE EXCEPTION 'job has ended' USING ERRCODE = 'RG409';
  END IF;
END $$;

/*
 * job_cleanup - deletes up to 5000 completed jobs and 5000 intents that are
 * older than p_days; answers how many rows. One process at a time does it.
 */
CREATE FUNCTION job_cleanup(p_days int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  before timestamptz := now() - make_interval(days => p_days);
  jobs int;
  intents int;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('reelgate'),
                                   hashtext('job_cleanup')) THEN
    RETURN 0;
  END IF;
  DELETE FROM job_queue WHERE id IN (
    SELECT id FROM job_queue WHERE completed_at < before
      AND status = 'completed'
    ORDER BY completed_at LIMIT 5000 FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS jobs = ROW_COUNT;
  DELETE FROM upload_intents WHERE id IN (
    SELECT id FROM upload_intents WHERE expires_at < before
    ORDER BY expires_at LIMIT 5000 FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS intents = ROW_COUNT;
  RETURN jobs + intents;
END $$;

-- As before (007), with the workers and the limits.
CREATE OR REPLACE FUNCTION job_stats() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'counts', (
      SELECT coalesce(jsonb_object_agg(type, by_status), '{}') FROM (
        SELECT type, jsonb_object_agg(status, n) AS by_status FROM (
          SELECT type, status, count(*) AS n FROM job_queue
          GROUP BY type, status) c
        GROUP BY type) t),
    'oldest_due_seconds', (
      SELECT coalesce(jsonb_object_agg(type, age), '{}') FROM (
        SELECT type, extract(epoch FROM now() - min(run_at)) AS age
        FROM job_queue WHERE live AND claimable AND run_at <= now()
        GROUP BY type) d),
    'duration_seconds', (
      SELECT coalesce(jsonb_object_agg(type,
               jsonb_build_object('p50', p[1], 'p95', p[2])), '{}') FROM (
        SELECT type, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP
                 (ORDER BY extract(epoch FROM completed_at - started_at)) AS p
        FROM job_queue WHERE completed_at > now() - interval '1 day'
          AND status = 'completed'
        GROUP BY type) l),
    'limits', (
      SELECT coalesce(jsonb_object_agg(type, max_running), '{}')
      FROM job_limits),
    'workers', (SELECT count(*) FROM workers WHERE lease_until >= now()),
    'failed_for_good', (
      SELECT count(*) FROM job_queue
      WHERE status = 'failed' AND NOT claimable),
    'leases_expired', (
      SELECT count(*) FROM workers WHERE lease_until < now()),
    'events_put_aside', (
      SELECT count(*) FROM object_events WHERE error IS NOT NULL),
    'dead_rows', (
      SELECT n_dead_tup FROM pg_stat_user_tables
      WHERE relid = 'job_queue'::regclass))
$$;

-- Only the services call these.
DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT oid::regprocedure FROM pg_proc
           WHERE pronamespace = 'public'::regnamespace AND proname IN
             ('jobs_add', 'job_rooms', 'job_limit_set', 'job_pick',
              'job_prios', 'job_claim', 'worker_beat', 'worker_leave',
              'job_rescue', 'job_release', 'jobs_complete_plain', 'jobs_end',
              'job_cleanup')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', f);
  END LOOP;
END $$;
