-- From an object of the store to a video and its jobs. The relay and the
-- complete-upload request both come through video_ingest(), in any order and
-- any number of times.

-- Names one content of one key. The store's own record gives sequence and
-- epoch; an object that came without them is named by its ETag.
CREATE FUNCTION content_hash(p_deployment text, p_epoch text, p_bucket text,
  p_key text, p_version text, p_seq bigint, p_etag text)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(sha256(
    CASE WHEN p_seq > 0 THEN
      convert_to(p_deployment, 'UTF8') || '\x00'::bytea ||
      convert_to(p_epoch, 'UTF8') || '\x00'::bytea ||
      convert_to(p_bucket, 'UTF8') || '\x00'::bytea ||
      convert_to(p_key, 'UTF8') || '\x00'::bytea ||
      convert_to(p_version, 'UTF8') || '\x00'::bytea ||
      convert_to(lpad(to_hex(p_seq), 16, '0'), 'UTF8')
    ELSE
      convert_to(p_bucket, 'UTF8') || '\x00'::bytea ||
      convert_to(p_key, 'UTF8') || '\x00'::bytea ||
      convert_to(p_etag, 'UTF8')
    END), 'hex')
$$;

-- A job's id follows from its dedupe_key, so a repeated request can be
-- answered with the same ids even after the rows were cleaned up.
CREATE FUNCTION job_id(p_dedupe_key text) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
  SELECT left(encode(sha256(convert_to(p_dedupe_key, 'UTF8')), 'hex'), 32)
    ::uuid
$$;

-- Ends what is still to be done for a video's present content.
CREATE FUNCTION video_cancel_jobs(p_video uuid, p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE c record;
BEGIN
  -- parents first: they take their waiting children along
  FOR c IN SELECT id FROM job_queue WHERE video_id = p_video
           AND status <> 'completed' AND (claimable OR status = 'processing')
           ORDER BY parent_id NULLS FIRST, id LOOP
    IF EXISTS (SELECT FROM job_queue WHERE id = c.id
               AND (claimable OR status = 'processing')) THEN
      PERFORM job_cancel(c.id, p_reason);
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION jobs_insert(v videos) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  process_key text := 'process_video:' || v.content;
  analysis_key text := 'ai_analysis:' || v.content;
  base jsonb := jsonb_build_object('videoId', v.id, 'bucket', v.bucket,
                                   's3Key', v.s3_key, 'userId', v.user_id);
BEGIN
  INSERT INTO job_queue (id, type, payload, user_id, video_id, priority,
                         dedupe_key, parent_id, run_at)
  VALUES
    (job_id(process_key), 'process_video',
     base || jsonb_build_object('fileName', v.filename,
                                'fileSize', v.file_size),
     v.user_id, v.id, 'high', process_key, NULL, now()),
    (job_id(analysis_key), 'ai_analysis', base,
     v.user_id, v.id, 'normal', analysis_key, job_id(process_key), 'infinity')
  ON CONFLICT DO NOTHING;
  PERFORM pg_notify('job_queue', 'process_video');
END $$;

/*
 * video_ingest - the video of an uploaded object, with its jobs. Content the
 * video already has, and content older than that, changes nothing; new
 * content under the same key begins anew and cancels what was to be done for
 * the old.
 */
CREATE FUNCTION video_ingest(p_deployment text, p_epoch text, p_seq bigint,
  p_version text, p_bucket text, p_key text, p_size bigint, p_type text,
  p_etag text)
RETURNS videos LANGUAGE plpgsql AS $$
DECLARE
  hash text := content_hash(p_deployment, p_epoch, p_bucket, p_key, p_version,
                            p_seq, p_etag);
  named text := substring(p_key FROM '[^/]*$');
  v videos;
BEGIN
  INSERT INTO videos (user_id, title, filename, bucket, s3_key, file_size)
  SELECT coalesce(i.user_id, substring(p_key FROM '^uploads/([0-9a-fA-F]{8}'
                    '(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})/')::uuid),
         coalesce(i.file_name, named), coalesce(i.file_name, named),
         p_bucket, p_key, p_size
  FROM (SELECT) AS always LEFT JOIN upload_intents i
    ON i.bucket = p_bucket AND i.key = p_key
  ON CONFLICT (bucket, s3_key) DO NOTHING;
  SELECT * INTO v FROM videos
  WHERE bucket = p_bucket AND s3_key = p_key FOR UPDATE;
  IF v.content = hash OR (p_seq > 0 AND v.epoch = p_epoch AND v.seq > p_seq)
  THEN
    RETURN v;
  END IF;

  PERFORM video_cancel_jobs(v.id, 'object replaced');
  DELETE FROM engagement_segments WHERE video_id = v.id;
  DELETE FROM hooks WHERE video_id = v.id;
  UPDATE videos SET content = hash, epoch = p_epoch, seq = p_seq,
    file_size = p_size, content_type = p_type, etag = p_etag,
    analysis_status = 'queued', progress = 0, error = NULL, duration = NULL,
    width = NULL, height = NULL, thumbnail_key = NULL, probe = NULL,
    ai_suggestions = NULL, analysis_key = NULL, updated_at = now()
  WHERE id = v.id RETURNING * INTO v;
  PERFORM jobs_insert(v);
  RETURN v;
END $$;

/*
 * relay_event - one event of the outbox. What cannot be applied because of
 * its own content is put aside with its error; every other failure ends the
 * transaction, and the whole batch comes again.
 */
CREATE FUNCTION relay_event(p_deployment text, p_epoch text, p_seq bigint,
  p_id text, p_time timestamptz, p_name text, p_bucket text, p_key bytea,
  p_size bigint, p_etag text, p_version text, p_type bytea, p_record bytea,
  p_job text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  key_text text;
  record_json jsonb;
  problem text;
  gone uuid;
BEGIN
  BEGIN
    key_text := convert_from(p_key, 'UTF8');
    record_json := convert_from(p_record, 'UTF8')::jsonb;
  EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    problem := SQLSTATE || ': ' || SQLERRM;
  END;
  INSERT INTO object_events (deployment, epoch, seq, event_id, event_time,
    event_name, bucket, key_raw, key, size, etag, version_id, record, error)
  VALUES (p_deployment, p_epoch, p_seq, p_id, p_time, p_name, p_bucket, p_key,
    key_text, p_size, p_etag, p_version, record_json, problem)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND OR key_text IS NULL THEN
    RETURN;
  END IF;

  IF p_name LIKE 'ObjectRemoved:%' THEN
    SELECT id INTO gone FROM videos WHERE bucket = p_bucket
      AND s3_key = key_text AND (epoch <> p_epoch OR seq < p_seq) FOR UPDATE;
    PERFORM video_cancel_jobs(gone, 'object removed');
  ELSIF p_job IS NOT NULL THEN
    BEGIN
      IF p_job <> 'process_video' THEN
        RAISE EXCEPTION 'unknown job type %', p_job USING ERRCODE = '22023';
      END IF;
      PERFORM video_ingest(p_deployment, p_epoch, p_seq, p_version, p_bucket,
                           key_text, p_size, convert_from(p_type, 'UTF8'),
                           p_etag);
    EXCEPTION WHEN data_exception OR integrity_constraint_violation
                OR program_limit_exceeded THEN
      UPDATE object_events SET error = SQLSTATE || ': ' || SQLERRM
      WHERE deployment = p_deployment AND epoch = p_epoch AND seq = p_seq;
    END;
  END IF;
END $$;

-- Clips to be cut, [{id, title, description, start_time, end_time, score}],
-- and the one job that cuts them. The caller has seen the video as its owner.
CREATE FUNCTION clips_create(p_video uuid, p_rows jsonb) RETURNS uuid
LANGUAGE plpgsql AS $$
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
                     start_time, end_time, score)
  SELECT r.id, v.id, v.user_id, job, coalesce(r.title, ''),
         coalesce(r.description, ''), r.start_time, r.end_time, r.score
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

-- Only the services call these.
DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT oid::regprocedure FROM pg_proc
           WHERE pronamespace = 'public'::regnamespace AND proname IN
             ('job_lock', 'job_drives', 'video_percent', 'video_set_segments',
              'video_set_hooks', 'video_apply', 'clips_apply',
              'job_settle_children', 'job_settle', 'job_started', 'job_claim',
              'job_heartbeat', 'job_release', 'job_rescue', 'job_cancel',
              'job_retry', 'content_hash', 'job_id', 'video_cancel_jobs',
              'jobs_insert', 'video_ingest', 'relay_event', 'clips_create')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', f);
  END LOOP;
END $$;
