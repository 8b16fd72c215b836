-- Two components that are named are two matters, however near they stand: a cluster knows the one of its first report.
ALTER TABLE intake.clusters ADD COLUMN component bigint;
ALTER TABLE intake.clusters ALTER COLUMN component SET STATISTICS 0;
