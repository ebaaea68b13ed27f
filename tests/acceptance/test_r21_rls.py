"""R21: with A's claims there is no row of B in any table, and nothing to write
at all; job_queue is the services' alone. The same
migrations load on a database as Supabase sets it up, and change nothing that
was there. Tables, columns and functions come from the catalogue: a new one
that is open fails here."""
import json
import uuid

import pytest

from machine import Machine, ffmpeg
from pg import Postgres
from stack import Stack
from supabase import Supabase
from web import request, wait_for

LOGIN = "reelgate_app"
# What a user may do with SQL of their own; row level security says with which
# rows.
GRANTED = {
    "upload_intents": {"SELECT"},
    "videos": {"SELECT"},
    "clips": {"SELECT"},
    "engagement_segments": {"SELECT"},
    "hooks": {"SELECT"},
    "video_files": {"SELECT"},
}
TABLE_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE",
                "REFERENCES", "TRIGGER")
# Written by the migrations, which are the owner: not forced.
BOOKKEEPING = "schema_migrations"
# Another application's, on the Supabase-style database.
FOREIGN = ("profiles", "hello")


@pytest.fixture(scope="module")
def supabase():
    """With what it has before a migration came."""
    with Supabase() as s:
        s.sql("postgres", "CREATE DATABASE fresh")
        s.before = s.sql("fresh", BEFORE, s.admin)
        yield s


@pytest.fixture(scope="module", params=[Postgres, Supabase])
def server(request):
    if request.param is Supabase:
        yield request.getfixturevalue("supabase")
    else:
        with Postgres() as s:
            yield s


@pytest.fixture(scope="module")
def world(server):
    """One gateway on it, and a user B who has a row of everything; A has
    none."""
    s = Stack(server, login=LOGIN)
    s.a, s.b = s.user(), s.user()
    fill(s, s.b)
    yield s
    s.close()


def fill(stack, user):
    """All that a user can come to have."""
    video = user.complete(user.upload()).json["video"]["id"]
    stack.relayed()
    stack.sql(f"""
        UPDATE videos SET analysis_status = 'completed', duration = 60
        WHERE id = '{video}';
        INSERT INTO engagement_segments (video_id, start_time, end_time)
        VALUES ('{video}', 0, 1);
        INSERT INTO hooks (video_id, "timestamp") VALUES ('{video}', 0);
        INSERT INTO video_files (video_id, name, role, job_type, s3_key, size)
        VALUES ('{video}', 'poster.jpg', 'poster', 'process_video',
                'derived/{video}/x/poster.jpg', 1)""")
    clip = user.post("/api/clips", {
        "video_id": video, "start_time": 1, "end_time": 2})
    assert clip.status == 201
    stack.video, stack.clip = video, clip.json["clip"]["id"]


def relations(stack, kinds="'r', 'p', 'v', 'm'"):
    return [r[0] for r in stack.sql(
        f"""SELECT relname FROM pg_class
            WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ({kinds}) ORDER BY relname""")
            if r[0] not in FOREIGN]


def functions(stack, open_to=None):
    """All, or those that a role may call."""
    which = (f"AND has_function_privilege('{open_to}', oid, 'EXECUTE')"
                 if open_to else "")
    return [r[0] for r in stack.sql(
        f"""SELECT oid::regprocedure FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace {which}
            ORDER BY 1""") if r[0].split("(")[0] not in FOREIGN]


def outsiders(stack):
    """Roles that requests, or those who have no account, come with."""
    return [r[0] for r in stack.sql(
        """SELECT rolname FROM pg_roles
           WHERE rolname IN ('anon', 'authenticated')""")]


def claims(user, role="authenticated"):
    return json.dumps({"sub": user, "role": role}) if user else ""


def attempt(stack, statement, user=None, role="authenticated", login=LOGIN):
    """The rows, or "denied", of a statement with a user's claims, in a
    transaction as the gateway begins them; it is rolled back."""
    try:
        return stack.postgres.sql(stack.database, f"""BEGIN;
            SET LOCAL ROLE {role};
            SET LOCAL "request.jwt.claims" = '{claims(user, role)}';
            {statement}; ROLLBACK""", login)
    except AssertionError as refused:
        if any(words in str(refused) for words in (
                "permission denied", "violates row-level security",
                "is not a table")):
            return "denied"
        raise


def count(stack, table, **who):
    answer = attempt(stack, f"SELECT count(*) FROM {table}", **who)
    return answer if answer == "denied" else int(answer[0][0])


# ---- reading ------------------------------------------------------------------

def test_R21_with_As_claims_there_is_no_row_of_B_in_any_table(world):
    tables = relations(world)
    assert set(GRANTED) < set(tables) and "job_queue" in tables
    for table in tables:
        seen = count(world, table, user=world.a.id)
        if "SELECT" in GRANTED.get(table, ()):
            assert (table, seen) == (table, 0)
            # B, whose rows they all are, sees them
            everything = int(world.sql(f"SELECT count(*) FROM {table}")[0][0])
            assert everything > 0, f"fill() puts nothing into {table}"
            assert (table, count(world, table, user=world.b.id)) == (
                table, everything)
        else:
            assert (table, seen) == (table, "denied")


def test_R21_without_claims_or_with_odd_ones_there_is_no_row_at_all(world):
    for table, rights in GRANTED.items():
        if "SELECT" in rights:
            assert (table, count(world, table)) == (table, 0)
            assert (table, count(world, table, user=str(
                uuid.UUID(int=0)))) == (table, 0)


def test_R21_outsiders_have_no_right_on_anything_else(world):
    rights = ", ".join(f"('{r}')" for r in TABLE_RIGHTS)
    for role in outsiders(world):
        found = {}
        for table, right in world.sql(f"""
                SELECT c.relname, r.name FROM pg_class c,
                  (VALUES {rights}) r (name)
                WHERE relnamespace = 'public'::regnamespace
                AND relkind IN ('r', 'p', 'v', 'm')
                AND (has_table_privilege('{role}', c.oid, r.name) OR
                     r.name IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
                     AND has_any_column_privilege('{role}', c.oid, r.name))"""):
            if table not in FOREIGN:
                found.setdefault(table, set()).add(right)
        assert (role, found) == (
            role, GRANTED if role == "authenticated" else {})


def test_R21_outsiders_have_no_right_on_sequences(world):
    sequences = relations(world, "'S'")
    assert sequences
    for role in outsiders(world):
        for sequence in sequences:
            for right in ("USAGE", "SELECT", "UPDATE"):
                assert world.sql(f"""SELECT has_sequence_privilege(
                    '{role}', '{sequence}', '{right}')""") == [["f"]], sequence


def test_R21_outsiders_may_call_no_function_but_uid(world):
    assert len(functions(world)) > 20
    for role in outsiders(world):
        assert (role, functions(world, open_to=role)) == (role, [])
    assert attempt(world, "SELECT auth.uid()", user=world.a.id) == [
        [world.a.id]]
    # none lends its owner's rights
    assert world.sql("""SELECT proname FROM pg_proc WHERE prosecdef
        AND pronamespace = 'public'::regnamespace""") == []


def test_R21_job_queue_is_only_for_service_role(world):
    assert world.sql("""SELECT DISTINCT grantee::regrole::text
        FROM pg_class, aclexplode(relacl) WHERE grantee <> relowner
        AND oid IN ('job_queue'::regclass, 'workers'::regclass)""") == [
            ["service_role"]]
    jobs = int(world.sql("SELECT count(*) FROM job_queue")[0][0])
    assert jobs > 0
    assert count(world, "job_queue", role="service_role") == jobs


def test_R21_login_role_alone_may_do_nothing(world):
    for table in relations(world):
        with pytest.raises(AssertionError, match="permission denied"):
            world.postgres.sql(world.database, f"SELECT 1 FROM {table}", LOGIN)
    assert world.sql(f"""SELECT rolsuper, rolinherit, rolcreaterole,
        rolcreatedb, rolbypassrls FROM pg_roles
        WHERE rolname = '{LOGIN}'""") == [["f"] * 5]


# ---- writing ------------------------------------------------------------------

def test_R21_users_write_nothing_but_what_is_granted(world):
    for table in relations(world):
        rights = GRANTED.get(table, set())
        column = world.sql(f"""SELECT attname FROM pg_attribute
            WHERE attrelid = '{table}'::regclass AND attnum > 0
            AND NOT attisdropped AND attgenerated = '' AND attidentity = ''
            ORDER BY attnum LIMIT 1""")[0][0]
        tries = {"INSERT": f"INSERT INTO {table} DEFAULT VALUES",
                 "UPDATE": f"UPDATE {table} SET {column} = {column}",
                 "DELETE": f"DELETE FROM {table}",
                 "TRUNCATE": f"TRUNCATE {table} CASCADE"}
        for right, statement in tries.items():
            if right not in rights:
                for user in (world.a.id, world.b.id):
                    assert (statement, attempt(
                        world, statement, user=user)) == (statement, "denied")


def intent(user, owner=None):
    return f"""INSERT INTO upload_intents (user_id, bucket, key, file_name,
        content_type, expires_at) VALUES ('{user}', 'b',
        'uploads/{owner or user}/x', 'x', 'video/mp4', now()) RETURNING 1"""


def test_R21_users_neither_make_nor_end_even_their_own_intents(world):
    """Else they could take one back and keep its signed URL, or promise away
    the disk of all."""
    a, b = world.a.id, world.b.id
    before = world.sql("SELECT count(*) FROM upload_intents")
    assert before != [["0"]]
    for made in (intent(a), intent(b), intent(a, owner=b)):
        assert attempt(world, made, user=a) == "denied"
    assert attempt(world, intent(a)) == "denied"
    for user in (a, b):
        assert attempt(world, "DELETE FROM upload_intents", user=user) \
            == "denied"
    assert world.sql("SELECT count(*) FROM upload_intents") == before


def test_R21_claims_do_not_outlive_their_transaction(world):
    """What one request set is nothing to the next on that connection."""
    rows = world.postgres.sql(world.database, f"""
        BEGIN; SET LOCAL ROLE authenticated;
        SET LOCAL "request.jwt.claims" = '{claims(world.b.id)}';
        SELECT count(*) > 0 FROM videos; COMMIT;
        BEGIN; SET LOCAL ROLE authenticated;
        SELECT count(*) FROM videos; COMMIT""", LOGIN)
    assert rows == [["t"], ["0"]]


# ---- how it is made -----------------------------------------------------------

def test_R21_row_security_is_on_and_forced_everywhere(world):
    for table, on, forced in world.sql("""
            SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class
            WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p')"""):
        if table not in FOREIGN:
            assert (table, on, forced) == (
                table, "t", "f" if table == BOOKKEEPING else "t")


def test_R21_policies_and_views_open_no_back_door(world):
    assert {tuple(r) for r in world.sql(
        "SELECT DISTINCT unnest(roles) FROM pg_policies "
        "WHERE schemaname = 'public'")} == {
            ("authenticated",), ("service_role",)}
    for table, policy, condition in world.sql("""
            SELECT tablename, policyname,
              translate(coalesce(qual, with_check), E'\\n', ' ')
            FROM pg_policies WHERE 'authenticated' = ANY (roles)"""):
        assert "auth.uid()" in condition, (table, policy)
    for view, options in world.sql("""
            SELECT relname, reloptions FROM pg_class WHERE relkind = 'v'
            AND relnamespace = 'public'::regnamespace"""):
        assert "security_invoker=true" in options, view


# ---- the gateway on it --------------------------------------------------------

def test_R21_api_shows_a_user_their_own_only(world):
    for path in (f"/api/videos/{world.video}",
                 f"/api/videos/{world.video}/status",
                 f"/api/clips/status?clipId={world.clip}"):
        assert world.a.get(path).status == 404
        assert world.b.get(path).status == 200
    assert world.a.get("/api/videos").json["pagination"]["total"] == 0
    assert world.b.get("/api/videos").json["pagination"]["total"] == 1
    assert world.a.get("/api/clips").json["pagination"]["total"] == 0
    assert world.b.get("/api/clips").json["pagination"]["total"] == 1


def test_R21_videos_are_processed_on_it(server, tmp_path):
    video = ffmpeg(tmp_path / "v.mp4", "-f", "lavfi", "-i",
                   "testsrc2=size=64x64:rate=10:duration=1").read_bytes()
    m = Machine(server, login=LOGIN)
    try:
        m.processor()
        user = m.user()
        upload = user.upload_url("v.mp4", len(video))
        assert user.put(upload, video).status == 200
        made = user.complete(upload, "v.mp4").json["video"]["id"]
        wait_for("completed video", lambda: user.get(
            f"/api/videos/{made}/status").json["status"] == "completed", 180)
        assert m.user().get(f"/api/videos/{made}").status == 404
    finally:
        m.close()


# ---- what Supabase has --------------------------------------------------------

BEFORE = """
    SELECT 'uid', md5(prosrc), proowner::regrole::text FROM pg_proc
    WHERE oid = 'auth.uid()'::regprocedure
    UNION ALL
    SELECT concat('defaults ', defaclobjtype), defaclacl::text, defaclrole::text
    FROM pg_default_acl
    UNION ALL
    SELECT relname, relacl::text, relrowsecurity::text FROM pg_class
    WHERE oid IN ('public.profiles'::regclass, 'auth.users'::regclass)
    UNION ALL
    SELECT proname, proacl::text, '' FROM pg_proc
    WHERE oid = 'public.hello()'::regprocedure
    UNION ALL
    SELECT rolname, concat(rolsuper, rolinherit, rolcreaterole, rolcreatedb,
                           rolcanlogin, rolbypassrls), '' FROM pg_roles
    WHERE rolname IN ('anon', 'authenticated', 'service_role', 'postgres',
                      'authenticator')
    ORDER BY 1"""


def test_R21_migrations_leave_what_supabase_has_as_it_was(supabase):
    assert len(supabase.before) == 12
    s = Stack(supabase, login=LOGIN)
    try:
        assert supabase.sql(s.database, BEFORE, supabase.admin) == \
            supabase.before
        # and the other application's own data is still everybody's
        assert attempt(s, "SELECT count(*) FROM profiles",
                       role="authenticated") == [["0"]]
    finally:
        s.close()


def test_R21_anonymous_requests_see_nothing_on_supabase(supabase):
    s = Stack(supabase, login=LOGIN)
    try:
        fill(s, s.user())
        for table in relations(s):
            for statement in (f"SELECT 1 FROM {table}",
                              f"DELETE FROM {table}",
                              f"TRUNCATE {table} CASCADE"):
                assert (statement, attempt(
                    s, statement, role="anon", login="authenticator")) \
                    == (statement, "denied")
        assert request("GET", s.api + "/api/videos").status == 401
    finally:
        s.close()
