-- Field work under persons' keys (docs/privacy.md): `subject` is whose key opens `sealed`, as in intake.subjects; null
-- where nothing is sealed, and where a program before this one sealed it under the installation's key.
ALTER TABLE intake.activities ADD COLUMN subject uuid;
-- Null in every row that is there: built in one pass, and nothing in it.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX activities_subject ON intake.activities (subject) WHERE subject IS NOT NULL;

-- Whose field work was read, erased or expired.
ALTER TABLE intake.personal_log ADD COLUMN activity_id uuid;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX personal_log_of_activity ON intake.personal_log (activity_id, id) WHERE activity_id IS NOT NULL;

-- Media that still has what its device wrote of place and time, which is taken from it after some days.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX media_offered ON intake.media (uploaded_at) WHERE lon IS NOT NULL OR taken_at IS NOT NULL;
