-- What is open on a case beside its status, and when it ended. `asks` names what of it waits for somebody (`request`,
-- `urging:<unit>`, `assist:<unit>`), apart from the rest so that it can be searched by; null for nearly all cases.
ALTER TABLE dispatch.cases
ADD COLUMN matters jsonb,
ADD COLUMN asks text [],
ADD COLUMN ended_at timestamptz;
ALTER TABLE dispatch.cases
ALTER COLUMN matters SET STATISTICS 0,
ALTER COLUMN asks SET STATISTICS 30,
ALTER COLUMN ended_at SET STATISTICS 0;
-- No row has one yet: building the index reads the table once, half a second for 10⁶ cases.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX cases_asking ON dispatch.cases (id) WHERE asks IS NOT NULL;

-- The areas of the city as intake defines them: where a case may be moved to.
CREATE TABLE dispatch.areas (
    path text COLLATE "C" PRIMARY KEY,
    level text NOT NULL,
    version int NOT NULL,
    retired boolean NOT NULL
);
