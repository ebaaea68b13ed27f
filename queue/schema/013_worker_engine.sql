-- Gives back the runs of a worker that it does not know of: the answer to its
-- claim was lost. Answers how many.
CREATE FUNCTION worker_keep(p_name text, p_ids uuid[], p_attempts int[])
RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  c record;
  n int := 0;
BEGIN
  FOR c IN SELECT q.id, q.attempts FROM job_queue q
           WHERE q.live AND q.status = 'processing' AND q.locked_by = p_name
             AND NOT EXISTS (SELECT FROM unnest(p_ids, p_attempts)
                               k (id, attempt)
                             WHERE k.id = q.id AND k.attempt = q.attempts)
           ORDER BY q.id LOOP
    PERFORM job_release(c.id, c.attempts, p_name);
    n := n + 1;
  END LOOP;
  RETURN n;
END $$;

REVOKE ALL ON FUNCTION worker_keep(text, uuid[], int[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION worker_keep(text, uuid[], int[]) TO service_role;
