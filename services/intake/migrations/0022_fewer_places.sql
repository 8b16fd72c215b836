-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- Where a report with a contact is written at random places of large indexes: at ten million stored reports each such
-- place is a page read and a whole page in the log, and a batch had four thousand of them.

-- subjects.mark is what a person was made by; subject_marks holds what else names them from now on. Rows for the first
-- kind, which older programs wrote, stay until their person goes: they say nothing that is not so.
COMMENT ON TABLE intake.subject_marks IS 'Marks of a subject besides the one in intake.subjects.mark.';

-- Asked for once in a while, when a reporter declines messages, and written with every contact: with two million of
-- them, 650 pages to read for the one (2 ms) instead of one to write for the other. Ranges that are not summed up yet
-- are read whole.
DROP INDEX intake.personal_code;
CREATE INDEX personal_code ON intake.personal USING brin (code bytea_bloom_ops (n_distinct_per_range = 2000))
WITH (pages_per_range = 32, autosummarize = on);
-- That a code is one report's, or the whole table would be thought the shorter way.
ALTER TABLE intake.personal
ALTER COLUMN code SET STATISTICS 10,
ALTER COLUMN code SET (n_distinct = -1);
