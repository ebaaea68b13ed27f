/*
 * Migrations. One session holds an advisory lock from the first look to the
 * last file, so programs that start together apply each file once. A file is
 * recorded with its hash in its own transaction: a later edit of it is an
 * error, never a silent difference between databases.
 */
#include "queue/pg.h"
#include "base/hash.h"
#include "base/log.h"
#include "queue/schema.h"

/* Any number, the same for all programs of this project. */
#define LOCK "SELECT pg_advisory_lock(7236837251194)"
#define LOGIN_STEPS 3 /* a role, and a member of two others */

static const char bookkeeping[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "  number int PRIMARY KEY,"
    "  name text NOT NULL,"
    "  sha256 text NOT NULL,"
    "  applied_at timestamptz NOT NULL DEFAULT now())";

int
queue_schema_expected(void)
{
	return schema_files_n ? schema_files[schema_files_n - 1].number : 0;
}

/* Runs sql; a result with rows is handed out when @res is given. */
static int
run(PGconn *c, const char *sql, PGresult **res, char err[512])
{
	PGresult *r = PQexec(c, sql);
	ExecStatusType status = PQresultStatus(r);
	int rc = -1;

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		rc = 0;
	} else {
		snprintf(err, 512, "%s", PQerrorMessage(c));
		err[strcspn(err, "\n")] = '\0';
	}
	if (rc == 0 && res)
		*res = r;
	else
		PQclear(r);
	return rc;
}

/*
 * What a transaction creates here is closed to everybody but those whom the
 * file itself lets in. Databases may hand out rights on new objects by default
 * (Supabase: all of them to anon, authenticated and service_role), and row
 * level security does not stop a TRUNCATE. Users get rights on tables only,
 * and the files say which.
 */
static const char remember[] =
    "SELECT set_config('reelgate.before', coalesce(array_agg(oid), '{}')::text,"
    " true) FROM (SELECT oid FROM pg_class"
    "  WHERE relnamespace = 'public'::regnamespace"
    "  UNION ALL SELECT oid FROM pg_proc"
    "  WHERE pronamespace = 'public'::regnamespace) o";
static const char seal[] =
    "DO $$ DECLARE o record;"
    " before oid[] := current_setting('reelgate.before')::oid[];"
    " anon text := CASE WHEN EXISTS"
    "  (SELECT FROM pg_roles WHERE rolname = 'anon') THEN ', anon' END;"
    " BEGIN"
    "  FOR o IN"
    "   SELECT format('%s %s', CASE relkind WHEN 'S' THEN 'SEQUENCE'"
    "     ELSE 'TABLE' END, oid::regclass) AS what,"
    "    CASE relkind WHEN 'S' THEN ', authenticated' END AS users"
    "   FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    "    AND relkind IN ('r', 'p', 'v', 'm', 'S')"
    "    AND oid <> ALL (before)"
    "   UNION ALL"
    "   SELECT format('ROUTINE %s', oid::regprocedure), ', authenticated'"
    "   FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    "    AND oid <> ALL (before) LOOP"
    "   EXECUTE format('REVOKE ALL ON %s FROM PUBLIC%s%s', o.what, anon,"
    "    o.users);"
    "  END LOOP;"
    " END $$";

/* Runs @sql, and @then behind it unless NULL, as one transaction. */
static int
transact(PGconn *c, const char *sql, const char *then, char err[512])
{
	char discard[512];

	if (run(c, "BEGIN", NULL, err) == 0 &&
	    run(c, remember, NULL, err) == 0 && run(c, sql, NULL, err) == 0 &&
	    run(c, seal, NULL, err) == 0 &&
	    (!then || run(c, then, NULL, err) == 0) &&
	    run(c, "COMMIT", NULL, err) == 0)
		return 0;
	if (run(c, "ROLLBACK", NULL, discard) != 0)
		log_debug("migration_rollback", "%s", discard);
	return -1;
}

static int
apply(PGconn *c, const struct schema_file *f, const char *sha, char err[512])
{
	char note[512], why[512];

	snprintf(note, sizeof(note),
		 "INSERT INTO schema_migrations (number, name, sha256) "
		 "VALUES (%d, '%s', '%s')",
		 f->number, f->name, sha);
	if (transact(c, f->sql, note, why) == 0) {
		log_info("migration_applied", "%s", f->name);
		return 0;
	}
	snprintf(err, 512, "migration %s failed: %.400s", f->name, why);
	return -1;
}

/* The row of file f among those applied, or -1. */
static int
find_applied(const PGresult *applied, const struct schema_file *f)
{
	for (int row = 0; row < PQntuples(applied); row++)
		if (pg_get_int(applied, row, 0, 0) == f->number)
			return row;
	return -1;
}

static int
apply_all(PGconn *c, const PGresult *applied, char err[512])
{
	int rows = PQntuples(applied);
	int64_t newest = rows ? pg_get_int(applied, rows - 1, 0, 0) : 0;
	char sha[SHA256_HEX_MAX];

	if (newest > queue_schema_expected()) {
		snprintf(err, 512,
			 "the database has schema %d, this program knows %d: "
			 "use a newer program",
			 (int)newest, queue_schema_expected());
		return -1;
	}
	for (size_t i = 0; i < schema_files_n; i++) {
		const struct schema_file *f = &schema_files[i];
		int row = find_applied(applied, f);

		sha256_hex(f->sql, strlen(f->sql), sha);
		if (row < 0) {
			if (apply(c, f, sha, err) != 0)
				return -1;
		} else if (strcmp(PQgetvalue(applied, row, 1), sha) != 0) {
			snprintf(err, 512,
				 "migration %s was changed after it was "
				 "applied to this database",
				 f->name);
			return -1;
		}
	}
	return 0;
}

/*
 * The role the services log in as, a member of both roles without inheriting
 * from either. Without @login that is the connection's own user.
 */
static int
make_login_once(PGconn *c, const char *login, char err[512])
{
	static const char ask[] =
	    "SELECT format('CREATE ROLE %I LOGIN NOINHERIT', u.name),"
	    " r.oid IS NULL,"
	    " format('GRANT %I TO %I', g.name, u.name),"
	    " r.oid IS NULL OR NOT pg_has_role(r.oid, g.name, 'MEMBER'),"
	    " format('GRANT CONNECT ON DATABASE %I TO %I',"
	    "   current_database(), u.name),"
	    " r.oid IS NULL"
	    "  OR NOT has_database_privilege(r.oid, current_database(),"
	    "    'CONNECT')"
	    " FROM (SELECT coalesce($1, current_user::text) AS name) u"
	    " CROSS JOIN (VALUES ('authenticated'), ('service_role')) g(name)"
	    " LEFT JOIN pg_roles r ON r.rolname = u.name";
	const char *const values[] = { login };
	PGresult *r = PQexecParams(c, ask, 1, NULL, values, NULL, NULL, 0);
	int rc = PQresultStatus(r) == PGRES_TUPLES_OK ? 0 : -1;

	if (rc)
		snprintf(err, 512, "cannot read the roles");
	for (int row = 0; rc == 0 && row < PQntuples(r); row++) {
		for (int col = 0; rc == 0 && col < 6; col += 2) {
			/* the role itself and its access: once */
			if ((row > 0 && col != 2) ||
			    *PQgetvalue(r, row, col + 1) != 't')
				continue;
			rc = run(c, PQgetvalue(r, row, col), NULL, err);
		}
	}
	PQclear(r);
	return rc;
}

/* Roles belong to the server, and the lock to a database: programs of another
 * one may make the same role, or member, meanwhile. Then it is there when asked
 * for again. */
static int
make_login(PGconn *c, const char *login, char err[512])
{
	int rc = -1;

	for (int made = 0; rc != 0 && made <= LOGIN_STEPS; made++)
		rc = make_login_once(c, login, err);
	return rc;
}

int
queue_migrate(const char *conninfo, const char *login, char err[512])
{
	PGconn *c = pg_connect(conninfo, "reelgate-migrate", err);
	PGresult *applied = NULL;
	int rc = -1;

	if (!c)
		return -1;
	if (run(c, "SET statement_timeout = '10min'", NULL, err) == 0 &&
	    run(c, LOCK, NULL, err) == 0 &&
	    transact(c, bookkeeping, NULL, err) == 0 &&
	    run(c,
		"SELECT number, sha256 FROM schema_migrations ORDER BY number",
		&applied, err) == 0 &&
	    apply_all(c, applied, err) == 0 && make_login(c, login, err) == 0)
		rc = 0;
	PQclear(applied);
	PQfinish(c);
	return rc;
}

int
queue_migrate_for(const char *conninfo, const char *service, char err[512])
{
	PQconninfoOption *options = PQconninfoParse(service, NULL);
	const char *login = NULL;
	int rc;

	for (PQconninfoOption *o = options; o && o->keyword; o++)
		if (!strcmp(o->keyword, "user") && o->val && *o->val)
			login = o->val;
	rc = queue_migrate(conninfo, login, err);
	PQconninfoFree(options);
	return rc;
}

enum queue_error
queue_ping(struct queue *q)
{
	static const struct pg_stmt stmt = {
		"ping", "SELECT max(number) FROM schema_migrations"
	};
	PGresult *r = NULL;
	enum queue_error err = pg_run(q, NULL, &stmt, NULL, &r);

	if (!err && pg_get_int(r, 0, 0, 0) != queue_schema_expected())
		err = QUEUE_CONFLICT;
	PQclear(r);
	return err;
}
