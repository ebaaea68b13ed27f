-- The relay by sets: a batch of events is one statement. Rules of any bucket
-- make jobs of any type that takes an event; all else as before (008).

-- An event as the relay hands it over. Bytes that came from a client are no
-- text before they were converted, one by one if need be.
CREATE TYPE outbox_event AS (
  seq bigint,
  event_id text,
  event_time timestamptz,
  name text,                                 -- 'ObjectCreated:Put'
  bucket text,
  key_raw bytea,
  size bigint,
  etag text,
  version_id text,
  content_type bytea,
  record bytea,                              -- JSON
  job_type text,                             -- NULL: no rule
  payload bytea,                             -- of a job that is no video's
  users boolean,                             -- uploads/{uuid}/ is a user's
  problem text                               -- why it is put aside
);

-- The jobs of videos for their present content.
CREATE FUNCTION videos_add_jobs(p_videos uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO job_queue (id, type, payload, user_id, video_id, priority,
                         dedupe_key, parent_id, run_at)
  SELECT job_id(t.type || ':' || v.content), t.type,
    jsonb_build_object('videoId', v.id, 'bucket', v.bucket,
                       's3Key', v.s3_key, 'userId', v.user_id) || t.more,
    v.user_id, v.id, t.priority, t.type || ':' || v.content,
    job_id(t.parent || ':' || v.content), t.run_at
  FROM videos v CROSS JOIN LATERAL (VALUES
      ('process_video', 'high', NULL, now(),
       jsonb_build_object('fileName', v.filename, 'fileSize', v.file_size)),
      ('ai_analysis', 'normal', 'process_video', 'infinity'::timestamptz,
       '{}'::jsonb)) t (type, priority, parent, run_at, more)
  WHERE v.id = ANY (p_videos)
  ON CONFLICT DO NOTHING;
  PERFORM pg_notify('job_queue', 'process_video');
END $$;

CREATE OR REPLACE FUNCTION jobs_insert(v videos) RETURNS void
LANGUAGE sql AS $$ SELECT videos_add_jobs(ARRAY[v.id]) $$;

/*
 * videos_ingest - the videos of objects, with their jobs, as video_ingest()
 * for each: those of keys without a video at once. p_users tells whose key
 * names its owner; in other buckets everybody may call a key so. Answers how
 * many contents are new.
 */
CREATE FUNCTION videos_ingest(p_deployment text, p_epoch text[],
  p_seq bigint[], p_version text[], p_bucket text[], p_key text[],
  p_size bigint[], p_type text[], p_etag text[], p_users boolean[])
RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  made uuid[];
  contents text[];
  later record;
  before text;
  v videos;
  n int;
BEGIN
  WITH object AS (
    SELECT u.*, content_hash(p_deployment, u.epoch, u.bucket, u.key, u.version,
                             u.seq, u.etag) AS content,
      substring(u.key FROM '[^/]*$') AS named
    FROM unnest(p_epoch, p_seq, p_version, p_bucket, p_key, p_size, p_type,
                p_etag, p_users) WITH ORDINALITY
      u (epoch, seq, version, bucket, key, size, type, etag, users, place)
  ), inserted AS (
    INSERT INTO videos (user_id, title, filename, bucket, s3_key, file_size,
                        content_type, etag, content, epoch, seq,
                        analysis_status)
    SELECT DISTINCT ON (o.bucket, o.key)
      coalesce(i.user_id, CASE WHEN o.users THEN
        substring(o.key FROM '^uploads/([0-9a-fA-F]{8}'
                  '(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})/')::uuid END),
      coalesce(i.file_name, o.named), coalesce(i.file_name, o.named),
      o.bucket, o.key, o.size, o.type, o.etag, o.content, o.epoch, o.seq,
      'queued'
    FROM object o LEFT JOIN upload_intents i
      ON i.bucket = o.bucket AND i.key = o.key
    ORDER BY o.bucket, o.key, o.place
    ON CONFLICT (bucket, s3_key) DO NOTHING
    RETURNING id, videos.content)
  SELECT array_agg(id), array_agg(content) INTO made, contents FROM inserted;
  n := coalesce(cardinality(made), 0);
  IF n > 0 THEN
    UPDATE upload_intents i SET completed_at = now()
    FROM videos m WHERE m.id = ANY (made) AND i.bucket = m.bucket
      AND i.key = m.s3_key AND i.completed_at IS NULL;
    PERFORM videos_add_jobs(made);
  END IF;
  IF n = cardinality(p_key) THEN
    RETURN n;
  END IF;

  FOR later IN
    SELECT u.* FROM unnest(p_epoch, p_seq, p_version, p_bucket, p_key, p_size,
                           p_type, p_etag) WITH ORDINALITY
      u (epoch, seq, version, bucket, key, size, type, etag, place)
    WHERE content_hash(p_deployment, u.epoch, u.bucket, u.key, u.version,
                       u.seq, u.etag) <> ALL (coalesce(contents, '{}'))
    ORDER BY u.place
  LOOP
    SELECT content INTO before FROM videos
    WHERE bucket = later.bucket AND s3_key = later.key;
    v := video_ingest(p_deployment, later.epoch, later.seq, later.version,
                      later.bucket, later.key, later.size, later.type,
                      later.etag);
    IF v.content IS DISTINCT FROM before THEN
      n := n + 1;
    END IF;
  END LOOP;
  RETURN n;
END $$;

-- What the rules make of events: videos, and jobs with the event in their
-- payload, each under its dedupe_key.
CREATE FUNCTION relay_jobs(p_deployment text, p_epoch text,
                           p_events outbox_event[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  e outbox_event[];
  t text;
BEGIN
  IF EXISTS (SELECT FROM unnest(p_events) u WHERE u.payload IS NULL
             AND u.job_type <> 'process_video') THEN
    RAISE EXCEPTION 'unknown job type' USING ERRCODE = '22023';
  END IF;
  e := ARRAY(SELECT u FROM unnest(p_events) u
             WHERE u.job_type = 'process_video' ORDER BY u.seq);
  IF e <> '{}' THEN
    PERFORM videos_ingest(p_deployment, array_agg(p_epoch), array_agg(u.seq),
      array_agg(u.version_id), array_agg(u.bucket),
      array_agg(convert_from(u.key_raw, 'UTF8')), array_agg(u.size),
      array_agg(convert_from(u.content_type, 'UTF8')), array_agg(u.etag),
      array_agg(u.users))
    FROM unnest(e) u;
  END IF;
  IF EXISTS (SELECT FROM unnest(p_events) u WHERE u.payload IS NOT NULL) THEN
    INSERT INTO job_queue (id, type, payload, dedupe_key)
    SELECT job_id(k.dedupe_key), u.job_type,
      convert_from(u.payload, 'UTF8')::jsonb, k.dedupe_key
    FROM unnest(p_events) u CROSS JOIN LATERAL (
      SELECT u.job_type || ':' || content_hash(p_deployment, p_epoch, u.bucket,
        convert_from(u.key_raw, 'UTF8'), u.version_id, u.seq, u.etag)) k
        (dedupe_key)
    WHERE u.payload IS NOT NULL
    ON CONFLICT DO NOTHING;
    FOR t IN SELECT DISTINCT u.job_type FROM unnest(p_events) u
             WHERE u.payload IS NOT NULL LOOP
      PERFORM pg_notify('job_queue', t);
    END LOOP;
  END IF;
END $$;

-- Removals end what is still to be done for the removed content; that a video
-- is newer than the removal shows in its sequence, so it does not matter that
-- the batch's creations were applied before.
CREATE FUNCTION relay_removals(p_deployment text, p_epoch text,
                               p_events outbox_event[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE gone uuid;
BEGIN
  FOR gone IN
    SELECT v.id FROM unnest(p_events) u JOIN videos v
      ON v.bucket = u.bucket AND v.s3_key = convert_from(u.key_raw, 'UTF8')
    WHERE u.name LIKE 'ObjectRemoved:%'
      AND (v.epoch <> p_epoch OR v.seq < u.seq)
      AND (u.name = 'ObjectRemoved:DeleteMarkerCreated'
        OR v.content = content_hash(p_deployment, v.epoch, v.bucket, v.s3_key,
                                    u.version_id, v.seq, v.etag))
    ORDER BY u.seq
    FOR UPDATE OF v
  LOOP
    PERFORM video_cancel_jobs(gone, 'object removed');
  END LOOP;
END $$;

-- Events together: any that cannot be applied ends it for all.
CREATE FUNCTION relay_together(p_deployment text, p_epoch text,
                               p_events outbox_event[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  fresh bigint[];
  e outbox_event[];
BEGIN
  WITH inserted AS (
    INSERT INTO object_events (deployment, epoch, seq, event_id, event_time,
      event_name, bucket, key_raw, key, size, etag, version_id, record, error)
    SELECT p_deployment, p_epoch, u.seq, u.event_id, u.event_time, u.name,
      u.bucket, u.key_raw, convert_from(u.key_raw, 'UTF8'), u.size, u.etag,
      u.version_id, convert_from(u.record, 'UTF8')::jsonb, u.problem
    FROM unnest(p_events) u ORDER BY u.seq
    ON CONFLICT DO NOTHING RETURNING seq)
  SELECT array_agg(seq) INTO fresh FROM inserted;
  e := ARRAY(SELECT u FROM unnest(p_events) u WHERE u.seq = ANY (fresh)
             AND u.job_type IS NOT NULL);
  IF e <> '{}' THEN
    PERFORM relay_jobs(p_deployment, p_epoch, e);
  END IF;
  e := ARRAY(SELECT u FROM unnest(p_events) u WHERE u.seq = ANY (fresh)
             AND u.name LIKE 'ObjectRemoved:%');
  IF e <> '{}' THEN
    PERFORM relay_removals(p_deployment, p_epoch, e);
  END IF;
END $$;

CREATE FUNCTION text_or_null(p bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN convert_from(p, 'UTF8');
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;

-- One event. What cannot be applied because of its own content is put aside
-- with its error; a bad record does not cost an upload its video. Every other
-- failure ends the transaction, and the whole batch comes again.
CREATE FUNCTION relay_alone(p_deployment text, p_epoch text, e outbox_event)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM convert_from(e.record, 'UTF8')::jsonb;
  EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    e.problem := coalesce(e.problem, SQLSTATE || ': ' || SQLERRM);
    e.record := NULL;
  END;
  PERFORM relay_together(p_deployment, p_epoch, ARRAY[e]);
EXCEPTION WHEN data_exception OR integrity_constraint_violation
            OR program_limit_exceeded THEN
  INSERT INTO object_events (deployment, epoch, seq, event_id, event_time,
    event_name, bucket, key_raw, key, size, etag, version_id, record, error)
  VALUES (p_deployment, p_epoch, e.seq, e.event_id, e.event_time, e.name,
    e.bucket, e.key_raw, text_or_null(e.key_raw), e.size, e.etag, e.version_id,
    convert_from(e.record, 'UTF8')::jsonb, SQLSTATE || ': ' || SQLERRM)
  ON CONFLICT DO NOTHING;
END $$;

-- The events of arrays, of which each element is one event's.
CREATE FUNCTION outbox_events(p_seq bigint[], p_id text[], p_time_us bigint[],
  p_name text[], p_bucket text[], p_key bytea[], p_size bigint[],
  p_etag text[], p_version text[], p_type bytea[], p_record bytea[],
  p_job text[], p_payload bytea[], p_users boolean[], p_problem text[],
  p_after bigint)
RETURNS outbox_event[] LANGUAGE sql STABLE AS $$
  SELECT ARRAY(
    SELECT (u.seq, u.id, 'epoch'::timestamptz + u.us * interval '1 us', u.name,
            u.bucket, u.key, u.size, u.etag, u.version, u.type, u.record,
            u.job, u.payload, u.users, u.problem)::outbox_event
    FROM unnest(p_seq, p_id, p_time_us, p_name, p_bucket, p_key, p_size,
                p_etag, p_version, p_type, p_record, p_job, p_payload, p_users,
                p_problem)
      u (seq, id, us, name, bucket, key, size, etag, version, type, record,
         job, payload, users, problem)
    WHERE u.seq > p_after ORDER BY u.seq)
$$;

DROP FUNCTION relay_event(text, text, bigint, text, timestamptz, text, text,
  bytea, bigint, text, text, bytea, bytea, text);
/*
 * relay_batch - events of the outbox, in one transaction with the cursor that
 * counts them. same is false, and nothing was done, when the cursor names an
 * event that is neither the expected one nor one of the batch (an earlier
 * commit whose answer was lost): the outbox has another past.
 */
CREATE FUNCTION relay_batch(p_deployment text, p_epoch text,
  p_expect bigint, p_expect_id text,
  p_seq bigint[], p_id text[], p_time_us bigint[], p_name text[],
  p_bucket text[], p_key bytea[], p_size bigint[], p_etag text[],
  p_version text[], p_type bytea[], p_record bytea[], p_job text[],
  p_payload bytea[], p_users boolean[], p_problem text[])
RETURNS TABLE (same boolean, at_seq bigint, at_id text)
LANGUAGE plpgsql AS $$
DECLARE
  events outbox_event[];
  e outbox_event;
BEGIN
  INSERT INTO relay_cursor (deployment, epoch) VALUES (p_deployment, p_epoch)
  ON CONFLICT DO NOTHING;
  SELECT last_seq, last_event_id INTO at_seq, at_id FROM relay_cursor
  WHERE deployment = p_deployment AND epoch = p_epoch FOR UPDATE;
  same := CASE at_seq WHEN 0 THEN true
    WHEN p_expect THEN at_id = p_expect_id
    ELSE EXISTS (SELECT FROM unnest(p_seq, p_id) u (seq, id)
                 WHERE u.seq = at_seq AND u.id = at_id) END;
  events := outbox_events(p_seq, p_id, p_time_us, p_name, p_bucket, p_key,
    p_size, p_etag, p_version, p_type, p_record, p_job, p_payload, p_users,
    p_problem, at_seq);
  IF NOT same OR events = '{}' THEN
    RETURN NEXT;
    RETURN;
  END IF;
  BEGIN
    PERFORM relay_together(p_deployment, p_epoch, events);
  EXCEPTION WHEN data_exception OR integrity_constraint_violation
              OR program_limit_exceeded THEN
    FOREACH e IN ARRAY events LOOP
      PERFORM relay_alone(p_deployment, p_epoch, e);
    END LOOP;
  END;
  e := events[cardinality(events)];
  UPDATE relay_cursor SET last_seq = e.seq, last_event_id = e.event_id,
    updated_at = now() WHERE deployment = p_deployment AND epoch = p_epoch;
  at_seq := e.seq;
  at_id := e.event_id;
  RETURN NEXT;
END $$;

/*
 * relay_again - events that were delivered before, put aside or not: what they
 * say is forgotten and applied anew. Jobs and videos that are there stay as
 * they are. Answers how many are put aside now.
 */
CREATE FUNCTION relay_again(p_deployment text, p_epoch text,
  p_seq bigint[], p_id text[], p_time_us bigint[], p_name text[],
  p_bucket text[], p_key bytea[], p_size bigint[], p_etag text[],
  p_version text[], p_type bytea[], p_record bytea[], p_job text[],
  p_payload bytea[], p_users boolean[], p_problem text[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE e outbox_event;
BEGIN
  -- not beside the relay
  PERFORM FROM relay_cursor WHERE deployment = p_deployment
    AND epoch = p_epoch FOR UPDATE;
  DELETE FROM object_events WHERE deployment = p_deployment
    AND epoch = p_epoch AND seq = ANY (p_seq);
  FOREACH e IN ARRAY outbox_events(p_seq, p_id, p_time_us, p_name, p_bucket,
      p_key, p_size, p_etag, p_version, p_type, p_record, p_job, p_payload,
      p_users, p_problem, 0) LOOP
    PERFORM relay_alone(p_deployment, p_epoch, e);
  END LOOP;
  RETURN (SELECT count(*) FROM object_events WHERE deployment = p_deployment
    AND epoch = p_epoch AND seq = ANY (p_seq) AND error IS NOT NULL);
END $$;

/*
 * events_cleanup - deletes delivered events older than so many days, at most
 * 5000 of each epoch at a time; what was put aside stays. Which events were
 * delivered is the cursor's to say, not theirs. One process at a time does it.
 */
CREATE FUNCTION events_cleanup(p_days int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('reelgate'),
                                   hashtext('events_cleanup')) THEN
    RETURN 0;
  END IF;
  WITH old AS (
    SELECT e.deployment, e.epoch, e.seq FROM relay_cursor c
    CROSS JOIN LATERAL (
      SELECT * FROM object_events o
      WHERE o.deployment = c.deployment AND o.epoch = c.epoch
        AND o.error IS NULL
      ORDER BY o.seq LIMIT 5000) e
    WHERE e.received_at < now() - make_interval(days => p_days)
  ), gone AS (
    DELETE FROM object_events e USING old
    WHERE e.deployment = old.deployment AND e.epoch = old.epoch
      AND e.seq = old.seq
    RETURNING 1)
  SELECT count(*) INTO n FROM gone;
  RETURN n;
END $$;

-- The cursors of a deployment, and what is put aside, newest first.
CREATE FUNCTION relay_status(p_deployment text, p_max int) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'cursors', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'epoch', epoch, 'last_seq', last_seq, 'event_id', last_event_id,
        'updated', updated_at) ORDER BY updated_at DESC), '[]')
      FROM relay_cursor WHERE deployment = p_deployment),
    'events', (SELECT count(*) FROM object_events
               WHERE deployment = p_deployment),
    'aside', (SELECT count(*) FROM object_events
              WHERE deployment = p_deployment AND error IS NOT NULL),
    'newest_aside', (SELECT coalesce(jsonb_agg(to_jsonb(e) ORDER BY
        e.received DESC), '[]') FROM (
      SELECT epoch, seq, event_name AS event, bucket,
        coalesce(key, encode(key_raw, 'escape')) AS key, error,
        received_at AS received
      FROM object_events WHERE deployment = p_deployment
        AND error IS NOT NULL
      ORDER BY received_at DESC LIMIT p_max) e))
$$;

-- The events of an epoch that are put aside, behind a sequence.
CREATE FUNCTION events_aside(p_deployment text, p_epoch text, p_after bigint,
                             p_max int)
RETURNS SETOF bigint LANGUAGE sql STABLE AS $$
  SELECT seq FROM object_events WHERE deployment = p_deployment
    AND epoch = p_epoch AND seq > p_after AND error IS NOT NULL
  ORDER BY seq LIMIT p_max
$$;

-- Only the services call these.
DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT oid::regprocedure FROM pg_proc
           WHERE pronamespace = 'public'::regnamespace AND proname IN
             ('videos_add_jobs', 'videos_ingest', 'relay_jobs',
              'relay_removals', 'relay_together', 'text_or_null',
              'relay_alone', 'outbox_events', 'relay_batch', 'relay_again',
              'events_cleanup', 'relay_status', 'events_aside')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', f);
  END LOOP;
END $$;
