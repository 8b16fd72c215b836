-- Requests in a box: found by where they lie, when they are few. The index is of Postgres itself (GiST over points).
-- Only the consumer of cases writes here, and it tries again: nobody who reports waits while the index is made.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX open311_requests_place ON intake.open311_requests USING gist (point(lon, lat));
