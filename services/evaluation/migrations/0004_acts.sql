-- Counters of what the whole lifecycle does beside the straight way. A rebuild fills them for cases counted before.
ALTER TABLE evaluation.cases
ADD COLUMN self_handled smallint NOT NULL DEFAULT 0,
ADD COLUMN postpone smallint NOT NULL DEFAULT 0,
ADD COLUMN multi_postpone integer NOT NULL DEFAULT 0,
ADD COLUMN timeout_exempt smallint NOT NULL DEFAULT 0,
ADD COLUMN need_supervise smallint NOT NULL DEFAULT 0,
ADD COLUMN supervise smallint NOT NULL DEFAULT 0,
ADD COLUMN intime_supervise smallint NOT NULL DEFAULT 0;
ALTER TABLE evaluation.cases
ALTER COLUMN self_handled SET STATISTICS 0,
ALTER COLUMN postpone SET STATISTICS 0,
ALTER COLUMN multi_postpone SET STATISTICS 0,
ALTER COLUMN timeout_exempt SET STATISTICS 0,
ALTER COLUMN need_supervise SET STATISTICS 0,
ALTER COLUMN supervise SET STATISTICS 0,
ALTER COLUMN intime_supervise SET STATISTICS 0;
