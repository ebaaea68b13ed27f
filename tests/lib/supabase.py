"""A PostgreSQL set up as Supabase sets up its own: the owner `postgres` is no
superuser, roles anon, authenticated and service_role (which bypasses row
level security) get every right on whatever postgres creates in public, the
schema auth with users and uid() belongs to somebody else, and there is a table
of the application's own."""
from pg import Postgres

ADMIN = "supabase_admin"

_ROLES = f"""
CREATE ROLE {ADMIN} SUPERUSER LOGIN"""

_TEMPLATE = """
ALTER ROLE postgres NOSUPERUSER CREATEDB CREATEROLE NOREPLICATION NOBYPASSRLS;
CREATE ROLE anon NOLOGIN NOINHERIT;
CREATE ROLE authenticated NOLOGIN NOINHERIT;
CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT;
GRANT anon, authenticated, service_role TO authenticator, postgres;
CREATE ROLE supabase_auth_admin LOGIN NOINHERIT CREATEROLE;

CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, postgres;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
ALTER TABLE auth.users OWNER TO supabase_auth_admin;
INSERT INTO auth.users VALUES (gen_random_uuid(), 'somebody@example.org');
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  )::uuid $$;
ALTER FUNCTION auth.uid() OWNER TO supabase_auth_admin;
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb
    ->> 'role' $$;
ALTER FUNCTION auth.role() OWNER TO supabase_auth_admin;

CREATE SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO postgres, anon, authenticated,
  service_role;
ALTER ROLE postgres SET search_path = "$user", public, extensions;
GRANT USAGE ON SCHEMA public TO postgres, anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public
  GRANT ALL ON TABLES TO postgres, anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public
  GRANT ALL ON ROUTINES TO postgres, anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public
  GRANT ALL ON SEQUENCES TO postgres, anon, authenticated, service_role;

SET ROLE postgres;
CREATE TABLE public.profiles (id uuid PRIMARY KEY, name text);
CREATE FUNCTION public.hello() RETURNS text LANGUAGE sql AS $$
  SELECT 'hello' $$"""


class Supabase(Postgres):
    """Its databases have all that from their template."""

    admin = ADMIN

    def __init__(self):
        super().__init__()
        self.sql("template1", _ROLES)
        self.sql("template1", _TEMPLATE, user=ADMIN)
