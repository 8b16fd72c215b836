-- What a group of posted reports needs to be true when it is stored. One call, in the statement that stores the group; a
-- function, because each statement of a function looks at the database anew, after its locks were had.
-- `locks` come sorted, so that nobody waits in a circle; they guard the cells in `spots`, in which `seen` are the clusters
-- that the group was compared with. NULL: another cluster has been opened there since; nothing is to be stored.
-- Else those of `ids` whose Idempotency-Key was used before, or is being used by another transaction now: a try-lock, so
-- that nobody holds up neighbours.
CREATE FUNCTION intake.hold_group(locks int [], spots bigint [], seen uuid [], ids uuid [], callers text [], keys text [])
RETURNS uuid [] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    busy uuid [] := '{}';
BEGIN
    IF cardinality(locks) > 0 THEN
        PERFORM pg_advisory_xact_lock(25717, l.bucket) FROM unnest(locks) AS l (bucket);
        IF EXISTS (
            SELECT
              FROM unnest(spots) AS s (spot),
                   LATERAL (SELECT k.id FROM intake.clusters k WHERE k.spot = s.spot OFFSET 0) AS c
             WHERE c.id NOT IN (SELECT unnest(seen))
        ) THEN
            RETURN NULL;
        END IF;
    END IF;
    IF ids IS NULL THEN
        RETURN busy;
    END IF;
    busy := ARRAY(
        SELECT a.id
          FROM unnest(ids, callers, keys) AS a (id, caller, key)
         WHERE NOT pg_try_advisory_xact_lock(hashtextextended(a.caller || ' ' || a.key, 0)));
    RETURN busy || ARRAY(
        SELECT a.id
          FROM unnest(ids, callers, keys) AS a (id, caller, key) JOIN intake.idempotency i USING (caller, key));
END
$$;

-- What a part of a batch holds it locks and reads by two statements: its transaction lasts, and each sees what is there then.
-- Only releases that merged nothing unless they were told to have called it.
-- squawk-ignore ban-drop-function
DROP FUNCTION intake.hold_spots (int [], bigint []);
