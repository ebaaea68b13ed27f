-- Figures for an operator, as one JSON document: what waits and for how long,
-- how fast jobs of the last day were, what went wrong, and how many dead rows
-- the vacuum has left.
CREATE FUNCTION job_stats() RETURNS jsonb LANGUAGE sql STABLE AS $$
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
        FROM job_queue WHERE claimable AND run_at <= now() GROUP BY type) d),
    'duration_seconds', (
      SELECT coalesce(jsonb_object_agg(type,
               jsonb_build_object('p50', p[1], 'p95', p[2])), '{}') FROM (
        SELECT type, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP
                 (ORDER BY extract(epoch FROM completed_at - started_at)) AS p
        FROM job_queue WHERE status = 'completed'
          AND completed_at > now() - interval '1 day'
        GROUP BY type) l),
    'failed_for_good', (
      SELECT count(*) FROM job_queue
      WHERE status = 'failed' AND NOT claimable),
    'leases_expired', (
      SELECT count(*) FROM job_queue
      WHERE status = 'processing' AND lease_until < now()),
    'events_put_aside', (
      SELECT count(*) FROM object_events WHERE error IS NOT NULL),
    'dead_rows', (
      SELECT n_dead_tup FROM pg_stat_user_tables
      WHERE relid = 'job_queue'::regclass))
$$;
REVOKE ALL ON FUNCTION job_stats() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION job_stats() TO service_role;
