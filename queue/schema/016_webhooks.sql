-- Webhooks: what was received, what is told to others, and jobs that run
-- elsewhere. A job that was handed off stays `processing` and belongs to a
-- worker of its own, `external:ID:ATTEMPT`, whose lease is the time by which
-- word of it must have come: the rescue ends it like any other.

-- Ids of callbacks that had their effect, kept longer than a signature is good
-- for (5 minutes either way).
CREATE TABLE webhook_seen (
  id text PRIMARY KEY,
  seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_seen_age ON webhook_seen (seen_at);

-- Which events somebody wants to hear of, as the processors are configured.
CREATE TABLE webhook_events (type text PRIMARY KEY);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['webhook_seen', 'webhook_events'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, authenticated', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO service_role',
                   t);
    EXECUTE format('CREATE POLICY service ON %I TO service_role '
                   'USING (true) WITH CHECK (true)', t);
  END LOOP;
END $$;

-- ---- notifications ------------------------------------------------------------

CREATE FUNCTION webhook_events_set(p_types text[]) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM webhook_events WHERE type <> ALL (p_types);
  INSERT INTO webhook_events SELECT unnest(p_types) ON CONFLICT DO NOTHING;
$$;

-- A message as the specification shapes it, to be sent by a processor.
CREATE FUNCTION webhook_send(p_type text, p_data jsonb, p_more jsonb,
                             p_max_attempts int)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO job_queue (type, priority, max_attempts, payload)
  VALUES ('webhook_deliver', 'normal', p_max_attempts,
    p_more || jsonb_build_object('message', jsonb_build_object(
      'type', p_type, 'data', p_data, 'timestamp',
      to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))));
  PERFORM pg_notify('job_queue', 'webhook_deliver');
END $$;

-- In the transaction that ended the video, at its end: content that was
-- replaced in it ended nothing.
CREATE FUNCTION video_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v videos;
  event text := 'video.' || NEW.analysis_status;
BEGIN
  SELECT * INTO v FROM videos WHERE id = NEW.id;
  IF v.content IS NOT DISTINCT FROM NEW.content
      AND v.analysis_status = NEW.analysis_status
      AND EXISTS (SELECT FROM webhook_events WHERE type = event) THEN
    PERFORM webhook_send(event, jsonb_build_object(
      'videoId', v.id, 'userId', v.user_id, 'title', v.title,
      'fileName', v.filename, 'bucket', v.bucket, 'key', v.s3_key,
      'size', v.file_size, 'status', v.analysis_status,
      'duration', v.duration, 'width', v.width, 'height', v.height,
      'thumbnailKey', v.thumbnail_key, 'error', v.error), '{}', 10);
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER video_ended AFTER UPDATE OF analysis_status
  ON videos DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.analysis_status IN ('completed', 'failed')
        AND OLD.analysis_status <> NEW.analysis_status)
  EXECUTE FUNCTION video_ended();

CREATE FUNCTION clip_ready() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM webhook_events WHERE type = 'clip.ready') THEN
    PERFORM webhook_send('clip.ready', jsonb_build_object(
      'clipId', NEW.id, 'videoId', NEW.video_id, 'userId', NEW.user_id,
      'title', NEW.title, 'startTime', NEW.start_time,
      'endTime', NEW.end_time, 'key', NEW.s3_key,
      'bucket', (SELECT bucket FROM videos WHERE id = NEW.video_id),
      'thumbnailKey', NEW.thumbnail_key), '{}', 10);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER clip_ready AFTER UPDATE OF status ON clips FOR EACH ROW
  WHEN (NEW.status = 'ready' AND OLD.status <> 'ready')
  EXECUTE FUNCTION clip_ready();

/*
 * webhook_retry - a delivery that did not succeed: later, by the schedule that
 * Standard Webhooks gives as an example, ten tries over three days; not before
 * the receiver's Retry-After. NULL when the fence does not hold.
 */
CREATE FUNCTION webhook_retry(p_id uuid, p_attempt int, p_worker text,
                              p_error text, p_after int)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  pauses int[] := '{5,300,1800,7200,18000,36000,50400,72000,86400}';
  pause float8 := pauses[least(p_attempt, cardinality(pauses))];
BEGIN
  UPDATE job_queue SET max_attempts = cardinality(pauses) + 1
  WHERE id = p_id AND attempts = p_attempt AND locked_by = p_worker
    AND status = 'processing' AND max_attempts < cardinality(pauses) + 1;
  RETURN job_settle(p_id, p_attempt, p_worker, 'failed', p_error,
    p_delay => make_interval(secs => greatest(
      pause * (0.8 + 0.4 * random()), coalesce(p_after, 0))));
END $$;

-- ---- jobs that run elsewhere --------------------------------------------------

CREATE FUNCTION external_worker(p_id uuid, p_attempt int) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT 'external:' || p_id || ':' || p_attempt $$;

-- A worker gives its run to somebody else, who has it under a lease from now
-- on. Answers the job's input; RG410 when the run is not the worker's any
-- more, or is to be cancelled.
CREATE FUNCTION job_hand_off(p_id uuid, p_attempt int, p_worker text,
                             p_lease interval)
RETURNS TABLE (size bigint, etag text, content_type text) LANGUAGE plpgsql AS $$
DECLARE
  ext text := external_worker(p_id, p_attempt);
  video uuid;
BEGIN
  INSERT INTO workers (name, host, lease_until)
  VALUES (ext, 'external', now() + p_lease)
  ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until;
  UPDATE job_queue SET locked_by = ext
  WHERE id = p_id AND attempts = p_attempt AND locked_by = p_worker
    AND status = 'processing' AND cancel_requested_at IS NULL
  RETURNING video_id INTO video;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'lease lost' USING ERRCODE = 'RG410';
  END IF;
  RETURN QUERY SELECT v.file_size, v.etag, v.content_type
    FROM (SELECT) AS always LEFT JOIN videos v ON v.id = video;
END $$;

-- The lease of one that took the job: a callback may have been quicker.
CREATE FUNCTION external_accepted(p_id uuid, p_attempt int, p_lease interval)
RETURNS void LANGUAGE sql AS $$
  UPDATE workers SET lease_until = greatest(lease_until, now() + p_lease)
  WHERE name = external_worker(p_id, p_attempt)
$$;

-- The end of a run elsewhere; NULL when it has ended otherwise. p_after: they
-- ask for so many seconds of peace, which are no less than the backoff's.
CREATE FUNCTION external_settle(p_id uuid, p_attempt int, p_status text,
  p_error text, p_permanent boolean, p_result jsonb, p_outcome jsonb,
  p_after int)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE ext text := external_worker(p_id, p_attempt);
BEGIN
  -- workers before jobs, as the rescue takes them
  DELETE FROM workers WHERE name = ext;
  RETURN job_settle(p_id, p_attempt, ext, p_status, p_error, p_permanent,
                    p_result, p_outcome, CASE WHEN p_after IS NOT NULL THEN
      make_interval(secs => greatest(p_after, least(
        15 * 4 ^ least(p_attempt - 1, 10), 3600))) END);
END $$;

/*
 * webhook_callback - what somebody says of a job that was handed off: it goes
 * on (processing), completed, failed. p_webhook NULL: a message without an id.
 * Answers what came of it: applied; ignored, for a run that has ended or is
 * not the one they mean; replayed, for a message that was here before. RG404
 * when there is no such job, or it is another video's.
 */
CREATE FUNCTION webhook_callback(p_webhook text, p_job uuid, p_video uuid,
  p_attempt int, p_status text, p_percent int, p_lease interval,
  p_error text, p_permanent boolean, p_result jsonb, p_outcome jsonb)
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
  IF j.id IS NULL OR p_video IS DISTINCT FROM coalesce(j.video_id, p_video)
  THEN
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

-- As before (009); one that runs elsewhere is over at once, and who runs it
-- is told as well as can be.
CREATE OR REPLACE FUNCTION job_cancel(p_id uuid, p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE j job_queue := job_lock(p_id);
BEGIN
  IF j.id IS NULL THEN
    RAISE EXCEPTION 'no such job' USING ERRCODE = 'RG404';
  ELSIF j.status = 'processing' AND
      j.locked_by = external_worker(j.id, j.attempts) THEN
    PERFORM job_settle(p_id, NULL, NULL, 'cancelled', p_reason);
    PERFORM webhook_send('job.cancelled', jsonb_build_object(
      'jobId', j.id, 'attempt', j.attempts, 'jobType', j.type,
      'videoId', j.video_id), jsonb_build_object('external', j.type), 3);
  ELSIF j.status = 'processing' THEN
    UPDATE job_queue SET cancel_requested_at = coalesce(cancel_requested_at,
                                                        now())
    WHERE id = p_id;
    PERFORM pg_notify('job_cancel', p_id::text);
  ELSIF j.claimable THEN
    PERFORM job_settle(p_id, NULL, NULL, 'cancelled', p_reason);
  ELSE
    RAISE EXCEPTION 'job has ended' USING ERRCODE = 'RG409';
  END IF;
END $$;

-- Only the services call these.
DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT oid::regprocedure FROM pg_proc
           WHERE pronamespace = 'public'::regnamespace AND proname IN
             ('webhook_events_set', 'webhook_send', 'video_ended',
              'clip_ready', 'webhook_retry', 'external_worker',
              'job_hand_off', 'external_accepted', 'external_settle',
              'webhook_callback')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', f);
  END LOOP;
END $$;
