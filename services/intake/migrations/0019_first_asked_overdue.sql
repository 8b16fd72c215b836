-- When it was said that nobody took a report over from whoever was asked first 首问责任 in the time that the pack gives.
ALTER TABLE intake.first_asked ADD COLUMN overdue_at timestamptz;
-- Of those alone that nobody has taken over, which are few: the table is not held for long.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX first_asked_due ON intake.first_asked (since) WHERE lapsed_at IS NULL AND overdue_at IS NULL;
