-- ANALYZE sorts a sample of every column, three hundred rows for each step of its target, and of a young city's tables it
-- does so every few seconds: a fifth of Postgres's time under load. Columns that no search goes by get none, keys and
-- what is searched by a small one.
ALTER TABLE notify.log
ALTER COLUMN appended_at SET STATISTICS 0,
ALTER COLUMN type SET STATISTICS 0,
ALTER COLUMN subject SET STATISTICS 0,
ALTER COLUMN sequence SET STATISTICS 0,
ALTER COLUMN category SET STATISTICS 0,
ALTER COLUMN unit SET STATISTICS 0,
ALTER COLUMN position SET STATISTICS 10,
ALTER COLUMN routing_key SET STATISTICS 10,
ALTER COLUMN routing_key_from SET STATISTICS 10;
ALTER TABLE notify.tracked_reports
ALTER COLUMN received_at SET STATISTICS 0,
ALTER COLUMN report_id SET STATISTICS 10,
ALTER COLUMN tracking_hash SET STATISTICS 10;
ALTER TABLE notify.tracked_links
ALTER COLUMN report_id SET STATISTICS 10,
ALTER COLUMN case_id SET STATISTICS 10;
ALTER TABLE notify.tracked_steps
ALTER COLUMN status SET STATISTICS 0,
ALTER COLUMN at SET STATISTICS 0,
ALTER COLUMN case_id SET STATISTICS 10,
ALTER COLUMN version SET STATISTICS 10;
ALTER TABLE notify.inbox_subject
ALTER COLUMN version SET STATISTICS 0,
ALTER COLUMN held SET STATISTICS 0,
ALTER COLUMN grp SET STATISTICS 10,
ALTER COLUMN topic SET STATISTICS 10,
ALTER COLUMN subject SET STATISTICS 10;
