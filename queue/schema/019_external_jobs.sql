-- Jobs that run elsewhere (016): two corrections.

-- As before (016), but a callback need not say whose video it is about.
CREATE OR REPLACE FUNCTION webhook_callback(p_webhook text, p_job uuid,
  p_video uuid, p_attempt int, p_status text, p_percent int,
  p_lease interval, p_error text, p_permanent boolean, p_result jsonb,
  p_outcome jsonb)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  ext text := external_worker(p_job, p_attempt);
  j job_queue;
BEGIN
  IF p_webhook IS NOT NULL THEN
    INSERT INTO webhook_seen (id) VALUES (p_webhook) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      RETURN 'replayed';
    END IF;
    DELETE FROM webhook_seen WHERE id IN (
      SELECT id FROM webhook_seen WHERE seen_at < now() - interval '1 hour'
      ORDER BY seen_at LIMIT 10 FOR UPDATE SKIP LOCKED);
  END IF;
  PERFORM FROM workers WHERE name = ext FOR UPDATE;
  j := job_lock(p_job);
  -- NULL, and so no difference, where either of the two is not said
  IF j.id IS NULL OR p_video <> j.video_id THEN
    RAISE EXCEPTION 'no such job' USING ERRCODE = 'RG404';
  END IF;
  IF (j.status, j.attempts, j.locked_by)
      IS DISTINCT FROM ('processing', p_attempt, ext) THEN
    RETURN 'ignored';
  END IF;
  IF p_status = 'processing' THEN
    PERFORM worker_beat(ext, 'external', '{}', p_lease, ARRAY[p_job],
                        ARRAY[p_attempt], ARRAY[p_percent]);
  ELSE
    PERFORM external_settle(p_job, p_attempt, p_status, p_error, p_permanent,
                            p_result, coalesce(p_outcome, '{}'), NULL);
  END IF;
  RETURN 'applied';
END $$;

-- As before (009), but who runs a job elsewhere is not counted as a processor.
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
    'workers', (SELECT count(*) FROM workers WHERE lease_until >= now()
                AND name NOT LIKE 'external:%'),
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
