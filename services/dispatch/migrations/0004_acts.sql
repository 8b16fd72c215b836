-- What is open on a case beside its status, and when it ended. `request` names the request that waits for command, apart
-- from the rest so that it can be searched by.
ALTER TABLE dispatch.cases
ADD COLUMN matters jsonb,
ADD COLUMN request text,
ADD COLUMN ended_at timestamptz;
ALTER TABLE dispatch.cases
ALTER COLUMN matters SET STATISTICS 0,
ALTER COLUMN request SET STATISTICS 30,
ALTER COLUMN ended_at SET STATISTICS 0;
-- No row has one yet: building the index reads the table once, half a second for 10⁶ cases.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ON dispatch.cases (request, id) WHERE request IS NOT NULL;

-- The areas of the city as intake defines them: where a case may be moved to.
CREATE TABLE dispatch.areas (
    path text COLLATE "C" PRIMARY KEY,
    level text NOT NULL,
    version int NOT NULL,
    retired boolean NOT NULL
);
