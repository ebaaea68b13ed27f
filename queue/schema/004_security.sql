-- Row level security, forced: it binds the tables' owner as well. A user sees
-- what is theirs and writes nothing but upload intents; all else is written
-- by service_role, whose policies are explicit because BYPASSRLS would need a
-- superuser.
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['upload_intents', 'videos', 'clips',
      'engagement_segments', 'hooks', 'job_queue', 'object_events',
      'relay_cursor'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, authenticated', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO service_role',
                   t);
    EXECUTE format('CREATE POLICY service ON %I TO service_role '
                   'USING (true) WITH CHECK (true)', t);
  END LOOP;
END $$;

GRANT SELECT, INSERT ON upload_intents TO authenticated;
GRANT SELECT ON videos, clips, engagement_segments, hooks TO authenticated;

CREATE POLICY own_select ON upload_intents FOR SELECT TO authenticated
  USING (user_id = (SELECT auth.uid()));
CREATE POLICY own_insert ON upload_intents FOR INSERT TO authenticated
  WITH CHECK (user_id = (SELECT auth.uid()) AND
              starts_with(key, 'uploads/' || (SELECT auth.uid()) || '/'));
CREATE POLICY own ON videos FOR SELECT TO authenticated
  USING (user_id = (SELECT auth.uid()));
CREATE POLICY own ON clips FOR SELECT TO authenticated
  USING (user_id = (SELECT auth.uid()));
CREATE POLICY own ON engagement_segments FOR SELECT TO authenticated
  USING (EXISTS (SELECT FROM videos v WHERE v.id = video_id
                 AND v.user_id = (SELECT auth.uid())));
CREATE POLICY own ON hooks FOR SELECT TO authenticated
  USING (EXISTS (SELECT FROM videos v WHERE v.id = video_id
                 AND v.user_id = (SELECT auth.uid())));

REVOKE ALL ON job_queue_v0 FROM PUBLIC, authenticated;
GRANT SELECT ON job_queue_v0 TO service_role;

-- Bookkeeping of the migrations: written by its owner, hence not forced.
ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON schema_migrations FROM PUBLIC, authenticated;
GRANT SELECT ON schema_migrations TO service_role;
CREATE POLICY service ON schema_migrations FOR SELECT TO service_role
  USING (true);
