-- Uploads, videos and what is computed from them; events and their cursor.
-- Buckets and keys are bytes: COLLATE "C" says so, and keeps their indexes
-- usable for the results of convert_from(), whose collation is "C" as well.

CREATE TABLE upload_intents (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  file_name text NOT NULL,
  content_type text NOT NULL,
  size bigint CHECK (size > 0),              -- NULL: not stated
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (bucket, key)
);
CREATE INDEX upload_intents_expiry ON upload_intents (expires_at);

-- One row per key. content, epoch and seq name the bytes the row speaks of:
-- what is computed from other bytes is not written here (job_settle).
CREATE TABLE videos (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid,                              -- NULL: nobody's, admin only
  title text NOT NULL,
  filename text NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  s3_key text COLLATE "C" NOT NULL,
  file_size bigint NOT NULL,
  content_type text NOT NULL DEFAULT '',
  etag text NOT NULL DEFAULT '',
  content text,                              -- content_hash() of the object
  epoch text NOT NULL DEFAULT '',
  seq bigint NOT NULL DEFAULT 0,
  analysis_status text NOT NULL DEFAULT 'pending' CHECK (analysis_status IN
    ('pending', 'queued', 'processing', 'completed', 'failed')),
  progress smallint NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
  error text,
  duration double precision,
  width int,
  height int,
  thumbnail_key text,
  probe jsonb,
  ai_suggestions jsonb,
  analysis_key text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (bucket, s3_key)
);
CREATE INDEX videos_by_user ON videos (user_id, created_at DESC, id);

CREATE TABLE clips (
  id uuid PRIMARY KEY,
  video_id uuid NOT NULL REFERENCES videos ON DELETE CASCADE,
  user_id uuid,
  job_id uuid,
  title text NOT NULL DEFAULT '',
  description text NOT NULL DEFAULT '',
  start_time double precision NOT NULL CHECK (start_time >= 0),
  end_time double precision NOT NULL,
  score double precision CHECK (score BETWEEN 0 AND 1),
  status text NOT NULL DEFAULT 'queued' CHECK (status IN
    ('queued', 'processing', 'ready', 'failed')),
  s3_key text,
  thumbnail_key text,
  error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (end_time > start_time),
  CHECK (status <> 'ready' OR s3_key IS NOT NULL)
);
CREATE INDEX clips_by_user ON clips (user_id, created_at DESC, id);
CREATE INDEX clips_by_video ON clips (video_id, created_at DESC, id);
CREATE INDEX clips_by_job ON clips (job_id);

-- NULL wherever a value was not measured.
CREATE TABLE engagement_segments (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  video_id uuid NOT NULL REFERENCES videos ON DELETE CASCADE,
  start_time double precision NOT NULL,
  end_time double precision NOT NULL,
  score double precision CHECK (score BETWEEN 0 AND 100),
  reasons text[],
  volume double precision,
  pitch double precision,
  speech_rate double precision,
  emotional_tone text,
  motion_intensity double precision,
  face_count int,
  scene_change boolean,
  text_present boolean
);
CREATE INDEX engagement_segments_by_video
  ON engagement_segments (video_id, start_time);

CREATE TABLE hooks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  video_id uuid NOT NULL REFERENCES videos ON DELETE CASCADE,
  "timestamp" double precision NOT NULL,
  type text CHECK (type IN
    ('question', 'statement', 'visual', 'audio', 'transition')),
  confidence double precision CHECK (confidence BETWEEN 0 AND 1),
  text text,
  suggested_clip_start double precision,
  suggested_clip_end double precision
);
CREATE INDEX hooks_by_video ON hooks (video_id, "timestamp");

-- Every event of the store's outbox. key_raw are the bytes as stored; key and
-- record are NULL where those bytes are no PostgreSQL text or JSON. error
-- tells why an event was put aside.
CREATE TABLE object_events (
  deployment text NOT NULL,
  epoch text NOT NULL,
  seq bigint NOT NULL,
  event_id text NOT NULL,
  event_time timestamptz NOT NULL,
  event_name text NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  key_raw bytea NOT NULL,
  key text COLLATE "C",
  size bigint NOT NULL,
  etag text,
  version_id text,
  record jsonb,
  error text,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (deployment, epoch, seq)
);
CREATE INDEX object_events_aside ON object_events (received_at)
  WHERE error IS NOT NULL;

-- How far the relay is; last_event_id detects an index restored from a backup
-- that has written on.
CREATE TABLE relay_cursor (
  deployment text NOT NULL,
  epoch text NOT NULL,
  last_seq bigint NOT NULL DEFAULT 0,
  last_event_id text NOT NULL DEFAULT '',
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (deployment, epoch)
);
