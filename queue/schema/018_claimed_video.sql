/*
 * job_video - where the input of a claimed job lies. It is volatile, so it
 * sees what was committed until now. The statement around a claim does not: a
 * job that was added after that statement began can be claimed by it, and a
 * plain join would not find its video.
 */
CREATE FUNCTION job_video(p_id uuid)
RETURNS TABLE (bucket text, s3_key text) ROWS 1 LANGUAGE sql VOLATILE STRICT AS
$$ SELECT bucket, s3_key FROM videos WHERE id = p_id $$;

-- Only the services call it.
REVOKE ALL ON FUNCTION job_video(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION job_video(uuid) TO service_role;
