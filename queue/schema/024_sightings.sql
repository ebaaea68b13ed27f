-- Objects that nobody told the outbox of: found by HEAD, by a listing, by an
-- event of another S3. They have no sequence of ours; what tells one upload
-- from another is ETag, version id and the time of the last change.
--
-- A row of videos remembers these of its content, and when it was known to be
-- the newest. Whoever saw an object says when it had asked, by the clock of
-- this database: what was asked for before the row's content was established
-- may be older than that and is not believed against it (RG409: look again).

ALTER TABLE videos
  ADD COLUMN version_id text COLLATE "C",    -- NULL: none, or not known
  ADD COLUMN modified_at timestamptz,        -- whole seconds; NULL: not known;
                                             -- -infinity: the object is gone
  ADD COLUMN content_at timestamptz NOT NULL DEFAULT now();

-- A version that has a name of its own.
CREATE FUNCTION version_named(p_version text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT nullif(nullif(p_version, ''), 'null') $$;

/*
 * video_is - does the video speak of that object? Version ids decide where
 * both have one; else the same ETag of another second was put again. What one
 * of the two does not know tells nothing.
 */
CREATE FUNCTION video_is(v videos, p_etag text, p_version text,
                         p_modified timestamptz)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT v.content IS NOT NULL AND v.etag = p_etag
    AND v.modified_at IS DISTINCT FROM '-infinity'
    AND coalesce(v.version_id = p_version, v.modified_at = p_modified, true)
$$;

-- The row of a key, locked; made when there is none.
CREATE FUNCTION video_row(p_bucket text, p_key text, p_size bigint,
                          p_users boolean)
RETURNS videos LANGUAGE plpgsql AS $$
DECLARE
  named text := substring(p_key FROM '[^/]*$');
  v videos;
BEGIN
  INSERT INTO videos (user_id, title, filename, bucket, s3_key, file_size)
  SELECT coalesce(i.user_id, CASE WHEN p_users THEN
           substring(p_key FROM '^uploads/([0-9a-fA-F]{8}'
                     '(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})/')::uuid END),
         coalesce(i.file_name, named), coalesce(i.file_name, named),
         p_bucket, p_key, p_size
  FROM (SELECT) AS always LEFT JOIN upload_intents i
    ON i.bucket = p_bucket AND i.key = p_key
  ON CONFLICT (bucket, s3_key) DO NOTHING;
  SELECT * INTO v FROM videos
  WHERE bucket = p_bucket AND s3_key = p_key FOR UPDATE;
  RETURN v;
END $$;

-- A video begins anew with other content: what was to be done for the old one
-- is cancelled.
CREATE FUNCTION video_renew(p_id uuid, p_content text, p_epoch text,
  p_seq bigint, p_version text, p_modified timestamptz, p_size bigint,
  p_type text, p_etag text)
RETURNS videos LANGUAGE plpgsql AS $$
DECLARE v videos;
BEGIN
  PERFORM video_cancel_jobs(p_id, 'object replaced');
  DELETE FROM engagement_segments WHERE video_id = p_id;
  DELETE FROM hooks WHERE video_id = p_id;
  UPDATE videos SET content = p_content, epoch = p_epoch, seq = p_seq,
    version_id = p_version, modified_at = p_modified, content_at = now(),
    file_size = p_size, content_type = p_type, etag = p_etag,
    analysis_status = 'queued', progress = 0, error = NULL, duration = NULL,
    width = NULL, height = NULL, thumbnail_key = NULL, probe = NULL,
    ai_suggestions = NULL, analysis_key = NULL, updated_at = now()
  WHERE id = p_id RETURNING * INTO v;
  PERFORM jobs_insert(v);
  RETURN v;
END $$;

DROP FUNCTION video_ingest(text, text, bigint, text, text, text, bigint, text,
                           text);
/*
 * video_ingest - the video of an object that our outbox knows, with its jobs.
 * Content the video already has, and content older than that, changes
 * nothing. Where the object was seen, its last change tells one upload from
 * another: an event of the same content gives its sequence only, since another
 * S3 may have been told of one upload twice; an event from before (p_time) what
 * was seen is of what that replaced.
 */
CREATE FUNCTION video_ingest(p_deployment text, p_epoch text, p_seq bigint,
  p_version text, p_bucket text, p_key text, p_size bigint, p_type text,
  p_etag text, p_time timestamptz)
RETURNS videos LANGUAGE plpgsql AS $$
DECLARE
  hash text := content_hash(p_deployment, p_epoch, p_bucket, p_key, p_version,
                            p_seq, p_etag);
  version text := version_named(p_version);
  v videos := video_row(p_bucket, p_key, p_size, true);
BEGIN
  IF v.content = hash OR (v.epoch = p_epoch AND v.seq >= p_seq) THEN
    RETURN v;
  ELSIF v.modified_at IS NOT NULL AND video_is(v, p_etag, version, NULL) THEN
    UPDATE videos SET epoch = p_epoch, seq = p_seq,
      version_id = coalesce(version_id, version)
    WHERE id = v.id RETURNING * INTO v;
    RETURN v;
  ELSIF v.seq = 0 AND v.modified_at > p_time THEN
    RETURN v;
  END IF;
  RETURN video_renew(v.id, hash, p_epoch, p_seq, version, NULL, p_size,
                     p_type, p_etag);
END $$;

/*
 * video_seen - the video of an object that was seen, with its jobs. p_asked:
 * when whoever saw it had asked. RG409: it is another one than the video's,
 * and not known to be the newer of the two.
 */
CREATE FUNCTION video_seen(p_bucket text, p_key text, p_version text,
  p_size bigint, p_type text, p_etag text, p_modified timestamptz,
  p_asked timestamptz, p_users boolean)
RETURNS videos LANGUAGE plpgsql AS $$
DECLARE
  version text := version_named(p_version);
  modified timestamptz := date_trunc('second', p_modified);
  v videos := video_row(p_bucket, p_key, p_size, p_users);
  newer boolean := v.content IS NULL OR p_asked > v.content_at;
BEGIN
  IF video_is(v, p_etag, version, modified) THEN
    IF newer AND (v.modified_at IS NULL OR
                  (v.version_id IS NULL AND version IS NOT NULL)) THEN
      UPDATE videos SET modified_at = coalesce(modified_at, modified),
        version_id = coalesce(version_id, version)
      WHERE id = v.id RETURNING * INTO v;
    END IF;
    RETURN v;
  ELSIF NOT newer THEN
    RAISE EXCEPTION 'seen before the video''s content was'
      USING ERRCODE = 'RG409';
  END IF;
  -- the content before it makes the name of this one: what is put again has
  -- jobs of its own
  RETURN video_renew(v.id, encode(sha256(
      convert_to(p_bucket, 'UTF8') || '\x00'::bytea ||
      convert_to(p_key, 'UTF8') || '\x00'::bytea ||
      convert_to(p_etag, 'UTF8') || '\x00'::bytea ||
      convert_to(coalesce(version, ''), 'UTF8') || '\x00'::bytea ||
      convert_to(extract(epoch FROM modified)::text, 'UTF8') || '\x00'::bytea
      || convert_to(coalesce(v.content, ''), 'UTF8')), 'hex'),
    '', 0, version, modified, p_size, p_type, p_etag);
END $$;

-- There is no such object, or no longer: what is to be done for it ends. True
-- when that is news; an object that was seen later than p_asked is there.
CREATE FUNCTION video_gone(p_bucket text, p_key text, p_asked timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE gone uuid;
BEGIN
  SELECT id INTO gone FROM videos WHERE bucket = p_bucket AND s3_key = p_key
    AND p_asked > content_at AND modified_at IS DISTINCT FROM '-infinity'
  FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM video_cancel_jobs(gone, 'object removed');
  UPDATE videos SET modified_at = '-infinity', content_at = now()
  WHERE id = gone;
  RETURN true;
END $$;

/*
 * videos_unlike - of objects of a listing, asked for at p_asked, the places of
 * those that their keys' videos do not speak of: to be looked at. A listing
 * names no versions. Where a video does not know its second yet, it is told.
 */
CREATE FUNCTION videos_unlike(p_bucket text, p_keys text[], p_etags text[],
                              p_modified_s bigint[], p_asked timestamptz)
RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
  UPDATE videos v SET modified_at = f.modified FROM (
    SELECT t.id, to_timestamp(o.s) AS modified
    FROM unnest(p_keys, p_etags, p_modified_s) o (key, etag, s)
    JOIN videos t ON t.bucket = p_bucket AND t.s3_key = o.key
    WHERE t.modified_at IS NULL AND t.etag = o.etag AND t.content IS NOT NULL
      AND t.content_at < p_asked
    FOR NO KEY UPDATE OF t SKIP LOCKED) f
  WHERE v.id = f.id;
  RETURN QUERY SELECT o.place::int
    FROM unnest(p_keys, p_etags, p_modified_s) WITH ORDINALITY
      o (key, etag, s, place)
    LEFT JOIN videos v ON v.bucket = p_bucket AND v.s3_key = o.key
    WHERE v.content IS NULL OR (v.content_at < p_asked AND
                                NOT video_is(v, o.etag, NULL, to_timestamp(o.s)))
    ORDER BY o.place;
END $$;

DROP FUNCTION videos_ingest(text, text[], bigint[], text[], text[], text[],
                            bigint[], text[], text[], boolean[]);
/*
 * videos_ingest - the videos of objects, with their jobs, as video_ingest()
 * for each: those of keys without a video at once. p_users tells whose key
 * names its owner; in other buckets everybody may call a key so. Answers how
 * many contents are new.
 */
CREATE FUNCTION videos_ingest(p_deployment text, p_epoch text[],
  p_seq bigint[], p_version text[], p_bucket text[], p_key text[],
  p_size bigint[], p_type text[], p_etag text[], p_time timestamptz[],
  p_users boolean[])
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
                        content_type, etag, content, epoch, seq, version_id,
                        analysis_status)
    SELECT DISTINCT ON (o.bucket, o.key)
      coalesce(i.user_id, CASE WHEN o.users THEN
        substring(o.key FROM '^uploads/([0-9a-fA-F]{8}'
                  '(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})/')::uuid END),
      coalesce(i.file_name, o.named), coalesce(i.file_name, o.named),
      o.bucket, o.key, o.size, o.type, o.etag, o.content, o.epoch, o.seq,
      version_named(o.version), 'queued'
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
                           p_type, p_etag, p_time) WITH ORDINALITY
      u (epoch, seq, version, bucket, key, size, type, etag, at, place)
    WHERE content_hash(p_deployment, u.epoch, u.bucket, u.key, u.version,
                       u.seq, u.etag) <> ALL (coalesce(contents, '{}'))
    ORDER BY u.place
  LOOP
    SELECT content INTO before FROM videos
    WHERE bucket = later.bucket AND s3_key = later.key;
    v := video_ingest(p_deployment, later.epoch, later.seq, later.version,
                      later.bucket, later.key, later.size, later.type,
                      later.etag, later.at);
    IF v.content IS DISTINCT FROM before THEN
      n := n + 1;
    END IF;
  END LOOP;
  RETURN n;
END $$;

-- As before (011), with the events' times.
CREATE OR REPLACE FUNCTION relay_jobs(p_deployment text, p_epoch text,
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
      array_agg(u.event_time), array_agg(u.users))
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

-- As before (011): the version that a video was made of stands in its row, and
-- what was removed is remembered, so that the same put again is news. A video
-- that was seen after the removal is of a later object.
CREATE OR REPLACE FUNCTION relay_removals(p_deployment text, p_epoch text,
                                          p_events outbox_event[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE gone uuid;
BEGIN
  FOR gone IN
    SELECT v.id FROM unnest(p_events) u JOIN videos v
      ON v.bucket = u.bucket AND v.s3_key = convert_from(u.key_raw, 'UTF8')
    WHERE u.name LIKE 'ObjectRemoved:%'
      AND (v.epoch <> p_epoch OR v.seq < u.seq)
      AND NOT (v.seq = 0 AND coalesce(v.modified_at > u.event_time, false))
      AND (u.name = 'ObjectRemoved:DeleteMarkerCreated'
        OR v.version_id = version_named(u.version_id)
        OR (v.version_id IS NULL AND version_named(u.version_id) IS NULL)
        OR v.content = content_hash(p_deployment, v.epoch, v.bucket, v.s3_key,
                                    u.version_id, v.seq, v.etag))
    ORDER BY u.seq
    FOR UPDATE OF v
  LOOP
    PERFORM video_cancel_jobs(gone, 'object removed');
    UPDATE videos SET modified_at = '-infinity', content_at = now()
    WHERE id = gone;
  END LOOP;
END $$;

-- ---- the reconciler ---------------------------------------------------------

-- When an intent's object was last asked for.
ALTER TABLE upload_intents ADD COLUMN looked_at timestamptz;
CREATE INDEX upload_intents_pending ON upload_intents (created_at)
  WHERE completed_at IS NULL;

-- How far the listing of a bucket is, whoever of several gateways works on it:
-- a pass belongs to its holder for as long as the lease.
CREATE TABLE reconciler (
  bucket text COLLATE "C" PRIMARY KEY,
  holder text NOT NULL DEFAULT '',
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  begun_at timestamptz,                      -- NULL: no pass is under way
  after_key bytea NOT NULL DEFAULT '',       -- listed up to here
  seen bigint NOT NULL DEFAULT 0,            -- of the pass
  made bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT now(),
  complete_from timestamptz,                 -- the last complete pass
  complete_at timestamptz,
  complete_seen bigint
);
ALTER TABLE reconciler ENABLE ROW LEVEL SECURITY;
ALTER TABLE reconciler FORCE ROW LEVEL SECURITY;
REVOKE ALL ON reconciler FROM PUBLIC, authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON reconciler TO service_role;
CREATE POLICY service ON reconciler TO service_role
  USING (true) WITH CHECK (true);

-- The pass of a bucket for a holder, where one is due or under way and nobody
-- else's: a row, else none.
CREATE FUNCTION reconcile_take(p_bucket text, p_holder text, p_lease interval)
RETURNS SETOF reconciler LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO reconciler (bucket) VALUES (p_bucket) ON CONFLICT DO NOTHING;
  RETURN QUERY UPDATE reconciler SET holder = p_holder,
    lease_until = now() + p_lease, begun_at = coalesce(begun_at, now())
  WHERE bucket = p_bucket AND (lease_until < now() OR holder = p_holder)
    AND (begun_at IS NOT NULL OR next_at <= now())
  RETURNING *;
END $$;

/*
 * reconcile_went - a page of the pass was dealt with. p_ended: it was the
 * last. The next pass begins p_every after this one did, and not before four
 * seconds were rested for every thousand keys, of which five a second are
 * listed at most: a large bucket is listed a twentieth of the time.
 * False: the pass is somebody else's now.
 */
CREATE FUNCTION reconcile_went(p_bucket text, p_holder text, p_lease interval,
  p_after bytea, p_seen bigint, p_made bigint, p_failed bigint,
  p_ended boolean, p_every interval)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE reconciler SET lease_until = now() + p_lease, after_key = p_after,
    seen = seen + p_seen, made = made + p_made, failed = failed + p_failed
  WHERE bucket = p_bucket AND holder = p_holder AND begun_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE reconciler SET complete_from = begun_at, complete_at = now(),
    complete_seen = seen, begun_at = NULL, after_key = '', seen = 0, made = 0,
    failed = 0, lease_until = '-infinity',
    next_at = greatest(begun_at + p_every, now() + seen / 1000 * interval '4 s')
  WHERE p_ended AND bucket = p_bucket;
  RETURN true;
END $$;

/*
 * intents_pending - uploads announced p_grace ago or longer of which nothing
 * was seen yet; each is answered again after half of the time that it waits
 * already, and once after it expired.
 */
CREATE FUNCTION intents_pending(p_bucket text, p_grace interval, p_max int)
RETURNS SETOF text LANGUAGE sql AS $$
  UPDATE upload_intents SET looked_at = now() WHERE id IN (
    SELECT id FROM upload_intents WHERE completed_at IS NULL
      AND bucket = p_bucket AND created_at < now() - p_grace
      AND (looked_at IS NULL OR
           (looked_at < expires_at AND
            now() > looked_at + (looked_at - created_at) / 2))
    ORDER BY created_at LIMIT p_max FOR UPDATE SKIP LOCKED)
  RETURNING key
$$;

-- Only the services call these.
DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT oid::regprocedure FROM pg_proc
           WHERE pronamespace = 'public'::regnamespace AND proname IN
             ('version_named', 'video_is', 'video_row', 'video_renew',
              'video_ingest', 'video_seen', 'video_gone', 'videos_unlike',
              'videos_ingest', 'relay_jobs', 'relay_removals',
              'reconcile_take', 'reconcile_went', 'intents_pending')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', f);
  END LOOP;
END $$;
