-- How many facts of a report were published, where it is more than the one that tells its receipt: nearly every report has
-- but that one, so it costs no row.
CREATE TABLE intake.report_facts (
    report_id uuid PRIMARY KEY,
    version int NOT NULL CHECK (version > 1)
) WITH (fillfactor = 80);
