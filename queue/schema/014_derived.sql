-- What the sweep of derived objects asks.

/*
 * derived_unused - which of these objects below derived/ nothing names any
 * more, by their places in p_keys: derived/VIDEO/FOLDER/FILE. A folder of an
 * analysis is kept as long as the video names any file in it, a file of a clip
 * as long as the clip names it. While a video has jobs nothing of it is
 * unused; of a video that is not known nothing is said: this may be an older
 * state of the database than of the store.
 */
CREATE FUNCTION derived_unused(p_bucket text, p_keys text[])
RETURNS SETOF int LANGUAGE sql STABLE AS $$
  SELECT k.place::int FROM (
    SELECT key, place, split_part(key, '/', 2)::uuid AS video,
      split_part(key, '/', 3) AS folder,
      left(key, -length(split_part(key, '/', 4))) AS prefix
    FROM unnest(p_keys) WITH ORDINALITY u (key, place)) k
  JOIN videos v ON v.id = k.video AND v.bucket = p_bucket
  WHERE NOT EXISTS (SELECT FROM job_queue j
                    WHERE j.video_id = v.id AND j.live)
    AND NOT CASE k.folder
      WHEN 'clips' THEN EXISTS (SELECT FROM clips c WHERE c.video_id = v.id
                                AND k.key IN (c.s3_key, c.thumbnail_key))
      ELSE coalesce(starts_with(v.thumbnail_key, k.prefix), false)
        OR coalesce(starts_with(v.analysis_key, k.prefix), false) END
$$;

REVOKE ALL ON FUNCTION derived_unused(text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION derived_unused(text, text[]) TO service_role;
