-- Uploads in parts, and what is under way: how many bytes are promised, to
-- whom, and which of them have come.
ALTER TABLE upload_intents
  ADD COLUMN upload_id text COLLATE "C",  -- the store's, of an upload in parts
  ADD COLUMN part_size bigint CHECK (part_size > 0),
  ADD COLUMN reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  ADD COLUMN completed_at timestamptz;    -- the object is there

-- Both hold what is open only.
CREATE INDEX upload_intents_of_user ON upload_intents (user_id, expires_at)
  INCLUDE (reserved) WHERE completed_at IS NULL;
CREATE INDEX upload_intents_open ON upload_intents (expires_at)
  INCLUDE (reserved) WHERE completed_at IS NULL;

-- Whichever way a video gets its content, its intent is fulfilled.
CREATE FUNCTION intent_fulfil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE upload_intents SET completed_at = now()
  WHERE bucket = NEW.bucket AND key = NEW.s3_key AND completed_at IS NULL;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION intent_fulfil() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION intent_fulfil() TO service_role;
CREATE TRIGGER intent_fulfil AFTER UPDATE OF content ON videos
  FOR EACH ROW WHEN (NEW.content IS NOT NULL)
  EXECUTE FUNCTION intent_fulfil();

-- A user may give up an upload. One that is completed is history.
GRANT DELETE ON upload_intents TO authenticated;
CREATE POLICY own_delete ON upload_intents FOR DELETE TO authenticated
  USING (user_id = (SELECT auth.uid()) AND completed_at IS NULL);
