-- The files that jobs made of a video, and work on it that somebody asks for.

CREATE TABLE video_files (
  video_id uuid NOT NULL REFERENCES videos ON DELETE CASCADE,
  name text NOT NULL CHECK (name ~ '^[a-z0-9-][a-z0-9.-]{0,63}$'),
  role text NOT NULL,
  job_type text NOT NULL,
  s3_key text NOT NULL,
  size bigint NOT NULL CHECK (size > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (video_id, name)
);

ALTER TABLE video_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE video_files FORCE ROW LEVEL SECURITY;
REVOKE ALL ON video_files FROM PUBLIC, authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON video_files TO service_role;
GRANT SELECT ON video_files TO authenticated;
CREATE POLICY service ON video_files TO service_role
  USING (true) WITH CHECK (true);
CREATE POLICY own ON video_files FOR SELECT TO authenticated
  USING (EXISTS (SELECT FROM videos v WHERE v.id = video_id
                 AND v.user_id = (SELECT auth.uid())));

-- Content that was replaced takes its files along.
CREATE FUNCTION video_files_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM video_files WHERE video_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER video_files_end AFTER UPDATE OF content ON videos FOR EACH ROW
  WHEN (OLD.content IS DISTINCT FROM NEW.content)
  EXECUTE FUNCTION video_files_end();

/*
 * video_files_apply - the files [{name, role, key, size}] that a completed job
 * made take the place of those that the last job of its type made. A job of
 * content that was replaced leaves nothing.
 */
CREATE FUNCTION video_files_apply(j job_queue, v videos, p_rows jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF jsonb_typeof(p_rows) IS DISTINCT FROM 'array' OR
     NOT (job_drives(j, v) OR
          coalesce(j.payload ->> 'content' = v.content, false)) THEN
    RETURN;
  END IF;
  DELETE FROM video_files WHERE video_id = v.id AND job_type = j.type;
  INSERT INTO video_files (video_id, name, role, job_type, s3_key, size)
  SELECT v.id, r.name, r.role, j.type, r.key, r.size
  FROM jsonb_to_recordset(p_rows)
       r (name text, role text, key text, size bigint)
  ON CONFLICT (video_id, name) DO UPDATE SET role = excluded.role,
    job_type = excluded.job_type, s3_key = excluded.s3_key,
    size = excluded.size, created_at = now();
END $$;

/*
 * video_task - a job of a type about a video's present content. One that is
 * not done yet is answered instead of another; p_options are part of its
 * payload. Errors: RG404 no such video, RG409 its upload is not processed yet.
 */
CREATE FUNCTION video_task(p_video uuid, p_type text, p_options jsonb)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  v videos;
  job uuid;
BEGIN
  SELECT * INTO v FROM videos WHERE id = p_video FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such video' USING ERRCODE = 'RG404';
  ELSIF v.analysis_status <> 'completed' THEN
    RAISE EXCEPTION 'video is not completed' USING ERRCODE = 'RG409';
  END IF;
  SELECT id INTO job FROM job_queue
  WHERE video_id = v.id AND type = p_type AND live
    AND payload ->> 'content' = v.content
    AND payload -> 'options' IS NOT DISTINCT FROM p_options;
  IF FOUND THEN
    RETURN job;
  END IF;
  INSERT INTO job_queue (type, payload, user_id, video_id, priority)
  VALUES (p_type,
    jsonb_build_object('videoId', v.id, 'bucket', v.bucket, 's3Key', v.s3_key,
                       'userId', v.user_id, 'content', v.content,
                       'options', p_options),
    v.user_id, v.id, 'normal')
  RETURNING id INTO job;
  PERFORM pg_notify('job_queue', p_type);
  RETURN job;
END $$;

-- As before (014); and what video_files names is used.
CREATE OR REPLACE FUNCTION derived_unused(p_bucket text, p_keys text[])
RETURNS SETOF int LANGUAGE sql STABLE AS $$
  SELECT k.place::int FROM (
    SELECT key, place, split_part(key, '/', 2)::uuid AS video,
      split_part(key, '/', 3) AS folder,
      left(key, -length(split_part(key, '/', 4))) AS prefix
    FROM unnest(p_keys) WITH ORDINALITY u (key, place)) k
  JOIN videos v ON v.id = k.video AND v.bucket = p_bucket
  WHERE NOT EXISTS (SELECT FROM job_queue j
                    WHERE j.video_id = v.id AND j.live)
    AND NOT EXISTS (SELECT FROM video_files f
                    WHERE f.video_id = v.id AND f.s3_key = k.key)
    AND NOT CASE k.folder
      WHEN 'clips' THEN EXISTS (SELECT FROM clips c WHERE c.video_id = v.id
                                AND k.key IN (c.s3_key, c.thumbnail_key))
      ELSE coalesce(starts_with(v.thumbnail_key, k.prefix), false)
        OR coalesce(starts_with(v.analysis_key, k.prefix), false) END
$$;

-- As before (009); and the files of a job become those of its video.
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
    PERFORM video_files_apply(j, v, p_outcome -> 'files');
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

DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT oid::regprocedure FROM pg_proc
           WHERE pronamespace = 'public'::regnamespace AND proname IN
             ('video_files_end', 'video_files_apply', 'video_task')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', f);
  END LOOP;
END $$;
