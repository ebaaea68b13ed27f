-- What a claim and an end cost. Measured on two cores: half-filled pages hold
-- the claimed version of each row beside the one before, so that a batch stays
-- in its pages; ids in the order of time keep the primary key's hot part in a
-- few pages; a claim does not wait for the disk.

ALTER TABLE job_queue SET (fillfactor = 50);

-- Version 7 of RFC 9562: milliseconds, then chance.
CREATE FUNCTION uuid_ordered() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((date_part('epoch', clock_timestamp()) * 1000)
                               ::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1),
    'hex')::uuid
$$;
ALTER TABLE job_queue ALTER COLUMN id SET DEFAULT uuid_ordered();

DROP FUNCTION job_pick(smallint, text[], text[], int[], int);
/*
 * job_pick - locks up to p_n due jobs of one priority, longest due first, and
 * answers where they are and whether one of them has a video. Jobs of limited
 * types are looked for apart, so that a full type hides no other. Nothing
 * before (p_from_at, p_from_id) is looked at. The rows are locked by
 * statements of their own: joined to an UPDATE, the planner may run the LIMIT
 * more than once.
 */
CREATE FUNCTION job_pick(p_prio smallint, p_free text[], p_limited text[],
  p_rooms int[], p_n int, p_from_at timestamptz, p_from_id uuid,
  OUT places tid[], OUT with_video boolean)
LANGUAGE plpgsql AS $$
BEGIN
  IF p_limited IS NULL THEN
    SELECT array_agg(c.ctid), bool_or(c.video_id IS NOT NULL)
    INTO places, with_video FROM (
      SELECT ctid, video_id FROM job_queue WHERE live AND prio = p_prio
        AND run_at <= now() AND (run_at, id) >= (p_from_at, p_from_id)
        AND claimable AND type = ANY (p_free)
      ORDER BY run_at, id LIMIT p_n FOR UPDATE SKIP LOCKED) c;
  ELSE
    SELECT array_agg(m.ctid), bool_or(m.video_id IS NOT NULL)
    INTO places, with_video FROM (
      SELECT c.ctid, c.video_id FROM (
        SELECT p_free AS types, p_n AS room WHERE p_free <> '{}'
        UNION ALL
        SELECT ARRAY[l.type], least(l.room, p_n)
        FROM unnest(p_limited, p_rooms) l (type, room)) g
      CROSS JOIN LATERAL (
        SELECT ctid, run_at, id, video_id FROM job_queue
        WHERE live AND prio = p_prio AND run_at <= now() AND claimable
          AND type = ANY (g.types)
        ORDER BY run_at, id LIMIT g.room FOR UPDATE SKIP LOCKED) c
      ORDER BY c.run_at, c.id LIMIT p_n) m;
  END IF;
END $$;

DROP FUNCTION job_prios(text[], boolean);
-- The priorities in the order of a claim: high first, or first the one whose
-- job has been due longest.
CREATE FUNCTION job_prios(p_types text[], p_oldest boolean,
                          p_from_at timestamptz[], p_from_id uuid[])
RETURNS smallint[] LANGUAGE plpgsql AS $$
DECLARE
  first smallint;
  due timestamptz;
  since timestamptz := 'infinity';
BEGIN
  IF p_oldest THEN
    FOR p IN 0 .. 2 LOOP
      SELECT run_at INTO due FROM job_queue WHERE live AND prio = p::smallint
        AND run_at <= now()
        AND (run_at, id) >= (p_from_at[p + 1], p_from_id[p + 1])
        AND claimable AND type = ANY (p_types)
      ORDER BY run_at, id LIMIT 1;
      IF due < since THEN
        since := due;
        first := p;
      END IF;
    END LOOP;
  END IF;
  RETURN coalesce(first || array_remove('{0,1,2}'::smallint[], first),
                  '{0,1,2}');
END $$;

DROP FUNCTION job_claim(text, text[], int, boolean);
/*
 * job_claim - up to p_n due jobs for a worker, best priority first, or first
 * of the priority whose job has been due longest. One query per priority
 * keeps to an exact range of job_live, however many jobs wait for their time.
 * The worker's row is held meanwhile: it is not taken for dead before the
 * claim is seen.
 *
 * p_from_us, p_from_id: where to begin in each priority, NULL at its first
 * job. A transaction held open anywhere keeps the entries of ended jobs in the
 * index; whoever knows how far it has come need not walk over them. The last
 * second is looked at in any case, for transactions that commit late; so is
 * everything when a type has a limit.
 *
 * A server that crashes may forget the claim: the job is then due again, and
 * the worker's fence does not hold. So the commit does not wait for the disk.
 */
CREATE FUNCTION job_claim(p_worker text, p_types text[], p_n int,
  p_oldest boolean, p_from_us bigint[], p_from_id uuid[])
RETURNS SETOF job_queue ROWS 4 LANGUAGE plpgsql AS $$
DECLARE
  free text[] := p_types;
  limited text[];
  rooms int[];
  from_at timestamptz[] := '{-infinity,-infinity,-infinity}';
  from_id uuid[] := array_fill('00000000-0000-0000-0000-000000000000'::uuid,
                               '{3}');
  picked tid[] := '{}';
  c record;
  p smallint;
  watched uuid[];
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  PERFORM FROM workers WHERE name = p_worker FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'worker is not registered' USING ERRCODE = 'RG410';
  END IF;
  SELECT array_agg(r.type), array_agg(r.room) INTO limited, rooms
  FROM job_rooms(p_types) r;
  IF limited IS NOT NULL THEN
    free := ARRAY(SELECT t FROM unnest(p_types) t WHERE t <> ALL (limited));
  END IF;

  FOR i IN 1 .. 3 LOOP
    IF p_from_us[i] IS NOT NULL THEN
      from_at[i] := least('epoch'::timestamptz + p_from_us[i] *
        interval '1 us', now() - interval '1 second');
      from_id[i] := p_from_id[i];
    END IF;
  END LOOP;
  FOREACH p IN ARRAY job_prios(p_types, p_oldest, from_at, from_id) LOOP
    c := job_pick(p, free, limited, rooms, p_n - cardinality(picked),
                  from_at[p + 1], from_id[p + 1]);
    CONTINUE WHEN c.places IS NULL;
    picked := picked || c.places;
    IF c.with_video THEN
      watched := watched || ARRAY(SELECT id FROM job_queue
        WHERE ctid = ANY (c.places) AND video_id IS NOT NULL);
    END IF;
    IF limited IS NOT NULL THEN
      UPDATE job_limits l SET running = l.running || ARRAY(
        SELECT id FROM job_queue q WHERE q.ctid = ANY (c.places)
          AND q.type = l.type)
      WHERE l.type = ANY (limited);
      SELECT array_agg(greatest(l.max_running - cardinality(l.running), 0)
                       ORDER BY u.place) INTO rooms
      FROM unnest(limited) WITH ORDINALITY u (type, place)
      JOIN job_limits l ON l.type = u.type;
    END IF;
    EXIT WHEN cardinality(picked) >= p_n;
  END LOOP;

  RETURN QUERY UPDATE job_queue q SET status = 'processing',
      attempts = q.attempts + 1, started_at = now(), completed_at = NULL,
      locked_by = p_worker, progress = 0
    WHERE q.ctid = ANY (picked) RETURNING q.*;
  IF watched IS NOT NULL THEN
    PERFORM job_started(watched);
  END IF;
END $$;

-- When the next job of these types is due, NULL: none.
CREATE FUNCTION job_next_due(p_types text[]) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
  SELECT min(c.run_at) FROM unnest('{0,1,2}'::smallint[]) p (prio)
  CROSS JOIN LATERAL (
    SELECT run_at FROM job_queue WHERE live AND prio = p.prio AND claimable
      AND type = ANY (p_types) AND run_at < 'infinity'
    ORDER BY run_at, id LIMIT 1) c
$$;

-- Only the services call these.
DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT oid::regprocedure FROM pg_proc
           WHERE pronamespace = 'public'::regnamespace AND proname IN
             ('uuid_ordered', 'job_pick', 'job_prios', 'job_claim',
              'job_next_due')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', f);
  END LOOP;
END $$;
