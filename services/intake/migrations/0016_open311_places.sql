-- Requests in a box: found by where they lie, when they are few. The index is of Postgres itself (GiST over points).
CREATE INDEX open311_requests_place ON intake.open311_requests USING gist (point(lon, lat));
