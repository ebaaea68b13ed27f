-- Bytes that ended the media worker by a crash. Two crashes hold them: no
-- worker is started over them again, whoever uploads them, until an operator
-- lifts that. One crash may be bad luck and only counts.

CREATE TABLE media_quarantine (
  etag text NOT NULL CHECK (etag <> '' AND length(etag) <= 256),
  size bigint NOT NULL CHECK (size >= 0),
  crashes int NOT NULL DEFAULT 1 CHECK (crashes > 0),
  held boolean GENERATED ALWAYS AS (crashes >= 2) STORED,
  refused bigint NOT NULL DEFAULT 0,
  reason text NOT NULL CHECK (length(reason) <= 100),
  job_id uuid,
  first_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (etag, size)
);

ALTER TABLE media_quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE media_quarantine FORCE ROW LEVEL SECURITY;
REVOKE ALL ON media_quarantine FROM PUBLIC, authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON media_quarantine TO service_role;
CREATE POLICY service ON media_quarantine TO service_role
  USING (true) WITH CHECK (true);
