-- How a clip is to be made, and what came of it.

ALTER TABLE clips
  ADD mode text NOT NULL DEFAULT 'exact' CHECK (mode IN ('exact', 'copy')),
  ADD aspect text NOT NULL DEFAULT 'original'
    CHECK (aspect IN ('original', '9:16', '1:1')),
  ADD note text;

-- As before (006), with mode and aspect.
CREATE OR REPLACE FUNCTION clips_create(p_video uuid, p_rows jsonb)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  v videos;
  job uuid := gen_random_uuid();
BEGIN
  SELECT * INTO v FROM videos WHERE id = p_video FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such video' USING ERRCODE = 'RG404';
  ELSIF v.analysis_status <> 'completed' THEN
    RAISE EXCEPTION 'video is not completed' USING ERRCODE = 'RG409';
  END IF;
  INSERT INTO clips (id, video_id, user_id, job_id, title, description,
                     start_time, end_time, score, mode, aspect)
  SELECT r.id, v.id, v.user_id, job, coalesce(r.title, ''),
         coalesce(r.description, ''), r.start_time, r.end_time, r.score,
         coalesce(r.mode, 'exact'), coalesce(r.aspect, 'original')
  FROM jsonb_populate_recordset(NULL::clips, p_rows) r;
  INSERT INTO job_queue (id, type, payload, user_id, video_id, priority)
  VALUES (job, 'generate_clips',
          jsonb_build_object('videoId', v.id, 'bucket', v.bucket,
                             's3Key', v.s3_key, 'userId', v.user_id,
                             'clips', p_rows),
          v.user_id, v.id, 'normal');
  PERFORM pg_notify('job_queue', 'generate_clips');
  RETURN job;
END $$;

-- As before (005), with the note: [{id, s3_key, thumbnail_key, note, error}].
CREATE OR REPLACE FUNCTION clips_apply(p_job uuid, p_rows jsonb) RETURNS void
LANGUAGE sql AS $$
  UPDATE clips c SET
    status = CASE WHEN r.s3_key IS NULL THEN 'failed' ELSE 'ready' END,
    s3_key = r.s3_key, thumbnail_key = r.thumbnail_key, note = r.note,
    error = CASE WHEN r.s3_key IS NULL
            THEN coalesce(r.error, 'no file was made') END
  FROM clips own LEFT JOIN
       jsonb_populate_recordset(NULL::clips, p_rows) r USING (id)
  WHERE own.job_id = p_job AND c.id = own.id;
$$;
