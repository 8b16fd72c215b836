-- A report that tells of the same matter as an earlier one shares that one's case, which may be far on its way already.
ALTER TABLE notify.tracked_reports ADD COLUMN merged boolean NOT NULL DEFAULT false;
