-- Everything that changes the state of a job. job_settle() is the only way to
-- completed, failed and cancelled. Lock order: a job's video, then the job,
-- then its children. Errors for the program carry SQLSTATEs of class RG:
-- RG404 no such row, RG409 state forbids it, RG410 fence lost.

-- The video and then the job, locked; NULL id when there is no such job.
CREATE FUNCTION job_lock(p_id uuid) RETURNS job_queue LANGUAGE plpgsql AS $$
DECLARE j job_queue;
BEGIN
  PERFORM FROM videos WHERE id = (SELECT video_id FROM job_queue
                                  WHERE id = p_id) FOR UPDATE;
  SELECT * INTO j FROM job_queue WHERE id = p_id FOR UPDATE;
  RETURN j;
END $$;

-- The video's state follows those of its jobs that were made for its present
-- content; others (generate_clips, jobs of replaced bytes) leave it alone.
CREATE FUNCTION job_drives(j job_queue, v videos) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(j.video_id = v.id AND
                  j.dedupe_key = j.type || ':' || v.content, false)
$$;

-- A job's percent as the video's: one decode in process_video does most.
CREATE FUNCTION video_percent(p_type text, p_percent int) RETURNS smallint
LANGUAGE sql IMMUTABLE AS $$
  SELECT least(CASE p_type WHEN 'process_video' THEN p_percent * 90 / 100
               ELSE 90 + p_percent / 10 END, 99)::smallint
$$;

CREATE FUNCTION video_set_segments(p_video uuid, p_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM engagement_segments WHERE video_id = p_video;
  INSERT INTO engagement_segments (video_id, start_time, end_time, score,
      reasons, volume, pitch, speech_rate, emotional_tone, motion_intensity,
      face_count, scene_change, text_present)
  SELECT p_video, r.start_time, r.end_time, r.score, r.reasons, r.volume,
      r.pitch, r.speech_rate, r.emotional_tone, r.motion_intensity,
      r.face_count, r.scene_change, r.text_present
  FROM jsonb_populate_recordset(NULL::engagement_segments, p_rows) r;
END $$;

CREATE FUNCTION video_set_hooks(p_video uuid, p_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM hooks WHERE video_id = p_video;
  INSERT INTO hooks (video_id, "timestamp", type, confidence, text,
      suggested_clip_start, suggested_clip_end)
  SELECT p_video, r."timestamp", r.type, r.confidence, r.text,
      r.suggested_clip_start, r.suggested_clip_end
  FROM jsonb_populate_recordset(NULL::hooks, p_rows) r;
END $$;

-- What a completed job of the present content writes to its video. A member
-- that is absent or null leaves the column alone.
CREATE FUNCTION video_apply(j job_queue, o jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE done boolean;
BEGIN
  done := NOT EXISTS (SELECT FROM job_queue s JOIN videos v ON v.id = s.video_id
                      WHERE s.video_id = j.video_id AND s.id <> j.id
                      AND s.status <> 'completed' AND job_drives(s, v));
  UPDATE videos SET
    duration = coalesce((o ->> 'duration')::float8, duration),
    width = coalesce((o ->> 'width')::int, width),
    height = coalesce((o ->> 'height')::int, height),
    thumbnail_key = coalesce(o ->> 'thumbnail_key', thumbnail_key),
    probe = coalesce(nullif(o -> 'probe', 'null'), probe),
    ai_suggestions = coalesce(nullif(o -> 'ai_suggestions', 'null'),
                              ai_suggestions),
    analysis_key = coalesce(o ->> 'analysis_key', analysis_key),
    analysis_status = CASE WHEN done THEN 'completed'
      WHEN analysis_status = 'failed' THEN 'failed' ELSE 'processing' END,
    progress = CASE WHEN done THEN 100
      ELSE greatest(progress, video_percent(j.type, 100)) END,
    error = CASE WHEN NOT done AND analysis_status = 'failed' THEN error END,
    updated_at = now()
  WHERE id = j.video_id;
  IF jsonb_typeof(o -> 'segments') = 'array' THEN
    PERFORM video_set_segments(j.video_id, o -> 'segments');
  END IF;
  IF jsonb_typeof(o -> 'hooks') = 'array' THEN
    PERFORM video_set_hooks(j.video_id, o -> 'hooks');
  END IF;
END $$;

-- The clips a generate_clips job made: [{id, s3_key, thumbnail_key, error}].
CREATE FUNCTION clips_apply(p_job uuid, p_rows jsonb) RETURNS void
LANGUAGE sql AS $$
  UPDATE clips c SET
    status = CASE WHEN r.s3_key IS NULL THEN 'failed' ELSE 'ready' END,
    s3_key = r.s3_key, thumbnail_key = r.thumbnail_key,
    error = CASE WHEN r.s3_key IS NULL
            THEN coalesce(r.error, 'no file was made') END
  FROM clips own LEFT JOIN
       jsonb_populate_recordset(NULL::clips, p_rows) r USING (id)
  WHERE own.job_id = p_job AND c.id = own.id;
$$;

-- Releases the jobs that wait for a completed one, or ends them with one that
-- ended for good.
CREATE FUNCTION job_settle_children(j job_queue, p_status text, p_error text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE c record;
BEGIN
  FOR c IN SELECT id, type FROM job_queue WHERE parent_id = j.id
           AND status = 'pending' AND run_at = 'infinity' ORDER BY id LOOP
    IF p_status = 'completed' THEN
      UPDATE job_queue SET run_at = now() WHERE id = c.id;
      PERFORM pg_notify('job_queue', c.type);
    ELSE
      PERFORM job_settle(c.id, NULL, NULL, p_status, p_error, true);
    END IF;
  END LOOP;
END $$;

/*
 * job_settle - ends a run of a job: job, waiting children, video and clips
 * change together. Answers the job's new status, NULL when the fence
 * (attempts, locked_by) does not hold; without a worker there is no fence and
 * the caller holds job_lock(). A failure of a job that was asked to stop is a
 * cancellation. p_permanent ends the retries, p_delay replaces the backoff.
 */
CREATE FUNCTION job_settle(p_id uuid, p_attempt int, p_worker text,
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

  UPDATE job_queue SET status = p_status, locked_by = NULL, lease_until = NULL,
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
  RETURN p_status;
END $$;

-- What starts with a run: the video and the clips are being worked on.
CREATE FUNCTION job_started(p_ids uuid[]) RETURNS void LANGUAGE sql AS $$
  UPDATE videos v SET analysis_status = 'processing', updated_at = now()
  FROM job_queue j WHERE j.id = ANY (p_ids) AND v.id = j.video_id
    AND v.analysis_status IN ('pending', 'queued') AND job_drives(j, v);
  UPDATE clips SET status = 'processing'
  WHERE job_id = ANY (p_ids) AND status = 'queued';
$$;

/*
 * job_claim - up to p_n due jobs for a worker, best priority first, or oldest
 * first. One query per priority keeps to an exact range of job_claim, however
 * many jobs wait for their time. The rows are locked by statements of their
 * own: joined to the UPDATE, the planner may run the LIMIT more than once.
 */
CREATE FUNCTION job_claim(p_worker text, p_types text[], p_n int,
                          p_lease interval, p_oldest boolean)
RETURNS SETOF job_queue ROWS 4 LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[] := '{}';
  more uuid[];
BEGIN
  IF p_oldest THEN
    SELECT array_agg(id) INTO more FROM (
      SELECT id FROM job_queue WHERE claimable AND run_at <= now()
        AND type = ANY (p_types)
      ORDER BY run_at, id LIMIT p_n FOR UPDATE SKIP LOCKED) c;
    ids := coalesce(more, '{}');
  ELSE
    FOR p IN 0 .. 2 LOOP
      SELECT array_agg(id) INTO more FROM (
        SELECT id FROM job_queue WHERE claimable AND prio = p::smallint
          AND run_at <= now() AND type = ANY (p_types)
        ORDER BY run_at, id LIMIT p_n - cardinality(ids)
        FOR UPDATE SKIP LOCKED) c;
      ids := ids || coalesce(more, '{}');
      EXIT WHEN cardinality(ids) >= p_n;
    END LOOP;
  END IF;
  UPDATE job_queue j SET status = 'processing', attempts = j.attempts + 1,
    started_at = now(), completed_at = NULL, locked_by = p_worker,
    lease_until = now() + p_lease, progress = 0
  WHERE j.id = ANY (ids);
  PERFORM job_started(ids);
  RETURN QUERY SELECT j.* FROM unnest(ids) WITH ORDINALITY u(id, place)
    JOIN job_queue j ON j.id = u.id ORDER BY u.place;
END $$;

-- Renews a lease and writes progress, which never falls within a run and
-- never at all on the video. Answers whether a cancel was asked for.
CREATE FUNCTION job_heartbeat(p_id uuid, p_attempt int, p_worker text,
                              p_lease interval, p_progress int)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE asked boolean;
BEGIN
  UPDATE videos v SET updated_at = now(),
    progress = greatest(v.progress, video_percent(j.type, p_progress))
  FROM job_queue j WHERE j.id = p_id AND v.id = j.video_id
    AND job_drives(j, v) AND v.analysis_status = 'processing'
    AND v.progress < video_percent(j.type, p_progress);
  UPDATE job_queue SET lease_until = now() + p_lease,
    progress = greatest(progress, p_progress)
  WHERE id = p_id AND attempts = p_attempt AND locked_by = p_worker
    AND status = 'processing'
  RETURNING cancel_requested_at IS NOT NULL INTO asked;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'lease lost' USING ERRCODE = 'RG410';
  END IF;
  RETURN asked;
END $$;

-- Gives a run back untouched: pending, due now, the attempt not counted.
CREATE FUNCTION job_release(p_id uuid, p_attempt int, p_worker text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE t text;
BEGIN
  UPDATE job_queue SET status = 'pending', attempts = attempts - 1,
    run_at = now(), locked_by = NULL, lease_until = NULL
  WHERE id = p_id AND attempts = p_attempt AND locked_by = p_worker
    AND status = 'processing'
  RETURNING type INTO t;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'lease lost' USING ERRCODE = 'RG410';
  END IF;
  PERFORM pg_notify('job_queue', t);
END $$;

-- Runs whose worker fell silent become failed attempts, jobs nobody knows
-- fail for good. At most 100 of each at a time; answers how many.
CREATE FUNCTION job_rescue(p_known text[]) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  c record;
  j job_queue;
  n int := 0;
BEGIN
  FOR c IN SELECT id FROM job_queue WHERE status = 'processing'
           AND lease_until < now() ORDER BY lease_until LIMIT 100 LOOP
    j := job_lock(c.id);
    IF j.status = 'processing' AND j.lease_until < now() THEN
      PERFORM job_settle(j.id, NULL, NULL, 'failed', 'lease expired',
                         p_delay => interval '5 seconds');
      n := n + 1;
    END IF;
  END LOOP;
  FOR c IN SELECT id FROM job_queue WHERE claimable
           AND type <> ALL (p_known) LIMIT 100 LOOP
    j := job_lock(c.id);
    IF j.claimable THEN
      PERFORM job_settle(j.id, NULL, NULL, 'failed',
                         'unknown job type ' || j.type, true);
      n := n + 1;
    END IF;
  END LOOP;
  RETURN n;
END $$;

-- A job that does not run is cancelled at once, a running one asked to stop.
CREATE FUNCTION job_cancel(p_id uuid, p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE j job_queue := job_lock(p_id);
BEGIN
  IF j.id IS NULL THEN
    RAISE EXCEPTION 'no such job' USING ERRCODE = 'RG404';
  ELSIF j.status = 'processing' THEN
    UPDATE job_queue SET cancel_requested_at = coalesce(cancel_requested_at,
                                                        now())
    WHERE id = p_id;
  ELSIF j.claimable THEN
    PERFORM job_settle(p_id, NULL, NULL, 'cancelled', p_reason);
  ELSE
    RAISE EXCEPTION 'job has ended' USING ERRCODE = 'RG409';
  END IF;
END $$;

-- A failed job from the beginning, with the jobs that ended along with it.
CREATE FUNCTION job_retry(p_id uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  j job_queue := job_lock(p_id);
  v videos;
BEGIN
  IF j.id IS NULL THEN
    RAISE EXCEPTION 'no such job' USING ERRCODE = 'RG404';
  END IF;
  SELECT * INTO v FROM videos WHERE id = j.video_id;
  IF j.status <> 'failed'
     OR (j.dedupe_key IS NOT NULL AND v.id IS NOT NULL AND NOT job_drives(j, v))
     OR EXISTS (SELECT FROM job_queue p WHERE p.id = j.parent_id
                AND p.status <> 'completed') THEN
    RAISE EXCEPTION 'job cannot be retried' USING ERRCODE = 'RG409';
  END IF;
  UPDATE job_queue SET status = 'pending', attempts = 0,
    max_attempts = DEFAULT, error = NULL, cancel_requested_at = NULL,
    run_at = CASE WHEN id = p_id THEN now() ELSE 'infinity' END
  WHERE id = p_id
    OR (parent_id = p_id AND status IN ('failed', 'cancelled'));
  UPDATE clips SET status = 'queued', error = NULL
  WHERE job_id = p_id AND status = 'failed';
  IF job_drives(j, v) THEN
    UPDATE videos SET analysis_status = 'queued', error = NULL,
      updated_at = now() WHERE id = v.id;
  END IF;
  PERFORM pg_notify('job_queue', j.type);
END $$;
