-- When whoever sent a report took it back, where they did.
ALTER TABLE notify.tracked_reports ADD COLUMN withdrawn_at timestamptz;
