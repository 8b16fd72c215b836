-- Two components that are named are two matters, however near they stand: a cluster knows the one of its first report.
ALTER TABLE intake.clusters ADD COLUMN component bigint;
ALTER TABLE intake.clusters ALTER COLUMN component SET STATISTICS 0;

DROP FUNCTION intake.hold_spots (int [], bigint []);
-- As it was, and with the component.
CREATE FUNCTION intake.hold_spots(locks int [], spots bigint [])
RETURNS TABLE (
    id uuid, spot bigint, category text, lon double precision, lat double precision, seen_at timestamptz,
    record_key text, reports int, component bigint
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(25717, l.bucket) FROM unnest(locks) AS l (bucket);
    RETURN QUERY
    SELECT c.id, c.spot, c.category, c.lon, c.lat, c.seen_at, c.record_key, c.reports, c.component
      FROM unnest(spots) AS s (spot),
           LATERAL (SELECT k.* FROM intake.clusters k WHERE k.spot = s.spot OFFSET 0) AS c;
END
$$;
