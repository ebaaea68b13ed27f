-- A bucket may keep versions: removing one for good concerns a video only when
-- it is the one the video was made of. A delete marker hides the object and
-- concerns it always. All else as before (006).
CREATE OR REPLACE FUNCTION relay_event(p_deployment text, p_epoch text,
  p_seq bigint, p_id text, p_time timestamptz, p_name text, p_bucket text,
  p_key bytea, p_size bigint, p_etag text, p_version text, p_type bytea,
  p_record bytea, p_job text)
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
      AND s3_key = key_text AND (epoch <> p_epoch OR seq < p_seq)
      AND (p_name = 'ObjectRemoved:DeleteMarkerCreated'
        OR content = content_hash(p_deployment, epoch, bucket, s3_key,
                                  p_version, seq, etag)) FOR UPDATE;
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
