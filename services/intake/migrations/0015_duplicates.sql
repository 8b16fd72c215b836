-- Clusters of reports that tell of one matter, as long as its case is open: a row goes when the case ends, or when the
-- window in which another report may join is over. So the table is as large as what is open, not as what was ever sent.
-- `id` and all that is copied here are the first report's; `spot` is the key of its cell and family (domain/duplicates.py).
CREATE TABLE intake.clusters (
    id uuid PRIMARY KEY,
    spot bigint NOT NULL,
    category text NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    seen_at timestamptz NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    reports int NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX clusters_spot ON intake.clusters (spot);

-- Reports that joined a cluster when they came. `unmerged_at`: since when a report has a case of its own all the same.
-- `record_key` is that of all its facts, now and later: the cluster's, not its own grid's.
CREATE TABLE intake.merged_reports (
    report_id uuid PRIMARY KEY,
    cluster uuid NOT NULL,
    merged_at timestamptz NOT NULL,
    unmerged_at timestamptz,
    record_key text COLLATE "C" NOT NULL
) WITH (fillfactor = 90);

-- ANALYZE sorts a sample of each column; these are found by their keys.
ALTER TABLE intake.clusters
ALTER COLUMN id SET STATISTICS 10,
ALTER COLUMN spot SET STATISTICS 10,
ALTER COLUMN category SET STATISTICS 0,
ALTER COLUMN lon SET STATISTICS 0,
ALTER COLUMN lat SET STATISTICS 0,
ALTER COLUMN seen_at SET STATISTICS 0,
ALTER COLUMN record_key SET STATISTICS 0,
ALTER COLUMN reports SET STATISTICS 0,
ALTER COLUMN expires_at SET STATISTICS 0;
ALTER TABLE intake.merged_reports
ALTER COLUMN report_id SET STATISTICS 10,
ALTER COLUMN cluster SET STATISTICS 0,
ALTER COLUMN merged_at SET STATISTICS 0,
ALTER COLUMN record_key SET STATISTICS 0,
ALTER COLUMN unmerged_at SET STATISTICS 0;

-- Lock cells, then see what lies in them. A function, because each statement of a function looks at the database anew:
-- in one plain statement the look would be older than the lock, and would miss what the one before us has just committed.
-- So it is one round trip instead of two. `locks` come sorted, so that nobody waits in a circle.
-- OFFSET 0: one index probe a cell, whatever the planner believes of a table that has just begun to grow.
CREATE FUNCTION intake.hold_spots(locks int [], spots bigint [])
RETURNS TABLE (
    id uuid, spot bigint, category text, lon double precision, lat double precision, seen_at timestamptz,
    record_key text, reports int
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(25717, l.bucket) FROM unnest(locks) AS l (bucket);
    RETURN QUERY
    SELECT c.id, c.spot, c.category, c.lon, c.lat, c.seen_at, c.record_key, c.reports
      FROM unnest(spots) AS s (spot),
           LATERAL (SELECT k.* FROM intake.clusters k WHERE k.spot = s.spot OFFSET 0) AS c;
END
$$;
