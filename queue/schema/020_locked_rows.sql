-- A row that somebody keeps locked - a transaction left open at a prompt, say -
-- is waited for by what is about that row, and by nothing else: neither the
-- leases of a whole worker nor the rescue of all others.

-- As before (009); progress of what is locked is written by a later beat.
CREATE OR REPLACE FUNCTION worker_beat(p_name text, p_host text,
  p_types text[], p_lease interval, p_ids uuid[], p_attempts int[],
  p_percents int[])
RETURNS TABLE (id uuid, lost boolean) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO workers AS w (name, host, types, lease_until)
  VALUES (p_name, p_host, p_types, now() + p_lease)
  ON CONFLICT (name) DO UPDATE SET lease_until = now() + p_lease;
  IF cardinality(array_remove(p_percents, NULL)) > 0 THEN
    UPDATE videos v SET updated_at = now(), progress = p.percent
    FROM (SELECT t.id, video_percent(j.type, i.percent) AS percent
          FROM unnest(p_ids, p_attempts, p_percents) i (id, attempt, percent)
          JOIN job_queue j ON j.id = i.id AND j.attempts = i.attempt
            AND j.locked_by = p_name AND j.status = 'processing'
          JOIN videos t ON t.id = j.video_id
          WHERE i.percent IS NOT NULL AND job_drives(j, t)
            AND t.analysis_status = 'processing'
            AND t.progress < video_percent(j.type, i.percent)
          FOR NO KEY UPDATE OF t SKIP LOCKED) p
    WHERE v.id = p.id;
    UPDATE job_queue j SET progress = p.percent
    FROM (SELECT q.id, i.percent
          FROM unnest(p_ids, p_attempts, p_percents) i (id, attempt, percent)
          JOIN job_queue q ON q.id = i.id AND q.attempts = i.attempt
            AND q.locked_by = p_name AND q.status = 'processing'
            AND q.progress < i.percent
          FOR NO KEY UPDATE OF q SKIP LOCKED) p
    WHERE j.id = p.id;
  END IF;
  RETURN QUERY SELECT i.id, j.id IS NULL
    FROM unnest(p_ids, p_attempts) i (id, attempt)
    LEFT JOIN job_queue j ON j.id = i.id AND j.attempts = i.attempt
      AND j.locked_by = p_name AND j.status = 'processing'
    WHERE j.id IS NULL OR j.cancel_requested_at IS NOT NULL;
END $$;

-- As before (009); what is locked is left for the next time.
CREATE OR REPLACE FUNCTION job_rescue(p_known text[]) RETURNS int
LANGUAGE plpgsql AS $$
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
                ORDER BY name FOR UPDATE SKIP LOCKED);
  known := ARRAY(SELECT unnest(types) FROM workers) || p_known;
  FOR c IN SELECT q.id, q.video_id, q.claimable FROM job_queue q
           WHERE q.live AND
             ((q.status = 'processing' AND
               (q.locked_by = ANY (dead) OR
                NOT EXISTS (SELECT FROM workers w WHERE w.name = q.locked_by)))
              OR (q.claimable AND q.type <> ALL (known)))
           LIMIT 1000 LOOP
    PERFORM FROM videos WHERE id = c.video_id FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND AND EXISTS (SELECT FROM videos
                                        WHERE id = c.video_id);
    PERFORM FROM job_queue WHERE id = c.id FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
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
