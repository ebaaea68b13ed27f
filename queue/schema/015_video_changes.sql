-- Whoever watches a video hears of its changes: its id is notified on
-- 'video_changed'. A commit that notifies waits for others that do, so the
-- trigger is on what people look at, a few changes a video, and not on jobs;
-- a video whose first content this is has nobody who watches it.
CREATE FUNCTION video_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('video_changed', OLD.id::text);
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION video_tell() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION video_tell() TO service_role;

CREATE TRIGGER video_tell_change AFTER UPDATE ON videos FOR EACH ROW
  WHEN (OLD.content IS NOT NULL AND
    (OLD.user_id, OLD.bucket, OLD.analysis_status, OLD.progress, OLD.error,
     OLD.duration, OLD.width, OLD.height, OLD.thumbnail_key,
     OLD.ai_suggestions) IS DISTINCT FROM
    (NEW.user_id, NEW.bucket, NEW.analysis_status, NEW.progress, NEW.error,
     NEW.duration, NEW.width, NEW.height, NEW.thumbnail_key,
     NEW.ai_suggestions))
  EXECUTE FUNCTION video_tell();
CREATE TRIGGER video_tell_end AFTER DELETE ON videos FOR EACH ROW
  EXECUTE FUNCTION video_tell();
