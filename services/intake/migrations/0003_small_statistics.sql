-- ANALYZE sorts a sample of every column, three hundred rows for each step of its target, and of a young city's tables it
-- does so every few seconds: a fifth of Postgres's time under load. Columns that no search goes by get none, keys and
-- what is searched by a small one.
ALTER TABLE intake.reports
ALTER COLUMN tracking_code SET STATISTICS 0,
ALTER COLUMN routing_key SET STATISTICS 0,
ALTER COLUMN category SET STATISTICS 0,
ALTER COLUMN lon SET STATISTICS 0,
ALTER COLUMN lat SET STATISTICS 0,
ALTER COLUMN source SET STATISTICS 0,
ALTER COLUMN occurred_at SET STATISTICS 0,
ALTER COLUMN received_at SET STATISTICS 0,
ALTER COLUMN caller SET STATISTICS 0,
ALTER COLUMN id SET STATISTICS 10;
ALTER TABLE intake.report_status
ALTER COLUMN case_id SET STATISTICS 0,
ALTER COLUMN version SET STATISTICS 0,
ALTER COLUMN status SET STATISTICS 0,
ALTER COLUMN report_id SET STATISTICS 10;
ALTER TABLE intake.inbox_subject
ALTER COLUMN version SET STATISTICS 0,
ALTER COLUMN held SET STATISTICS 0,
ALTER COLUMN grp SET STATISTICS 10,
ALTER COLUMN topic SET STATISTICS 10,
ALTER COLUMN subject SET STATISTICS 10;
