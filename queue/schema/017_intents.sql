-- Users write nothing at all. With SQL of their own they could take back an
-- intent and keep its signed URL, past every bound, leave an upload in parts
-- that nobody would abort, or promise away the disk of all users.
DROP POLICY own_insert ON upload_intents;
DROP POLICY own_delete ON upload_intents;
REVOKE INSERT, DELETE ON upload_intents FROM authenticated;

-- As before (009), but for intents of uploads in parts that were not aborted:
-- who aborts them forgets them.
CREATE OR REPLACE FUNCTION job_cleanup(p_days int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  before timestamptz := now() - make_interval(days => p_days);
  jobs int;
  intents int;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('reelgate'),
                                   hashtext('job_cleanup')) THEN
    RETURN 0;
  END IF;
  DELETE FROM job_queue WHERE id IN (
    SELECT id FROM job_queue WHERE completed_at < before
      AND status = 'completed'
    ORDER BY completed_at LIMIT 5000 FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS jobs = ROW_COUNT;
  DELETE FROM upload_intents WHERE id IN (
    SELECT id FROM upload_intents WHERE expires_at < before
      AND (upload_id IS NULL OR completed_at IS NOT NULL)
    ORDER BY expires_at LIMIT 5000 FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS intents = ROW_COUNT;
  RETURN jobs + intents;
END $$;
