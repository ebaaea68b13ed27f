-- Roles and the identity of a request. Nothing that exists is altered, so the
-- same file loads on a PostgreSQL that already has them (Supabase).
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['authenticated', 'service_role'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- roles belong to the cluster: another database was faster
      END;
    END IF;
  END LOOP;
END $$;

DO $$
BEGIN
  IF to_regnamespace('auth') IS NULL THEN
    CREATE SCHEMA auth;
    GRANT USAGE ON SCHEMA auth TO authenticated, service_role;
  END IF;
  IF to_regprocedure('auth.uid()') IS NULL THEN
    CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $f$
      SELECT nullif(nullif(current_setting('request.jwt.claims', true), '')
                    ::jsonb ->> 'sub', '')::uuid
    $f$;
  END IF;
END $$;

GRANT USAGE ON SCHEMA public TO authenticated, service_role;
