-- A report goes over to another case when its own is merged into that one, or reopened as it. From then on the case it
-- left has no say about it, whichever of the two is the younger.
ALTER TABLE notify.tracked_links ADD COLUMN handed boolean NOT NULL DEFAULT false;
