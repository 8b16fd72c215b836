"""Decisions of notify: who is to hear of an event, where a stream resumes, when a webhook is tried again."""
