"""Dispatch 派遣: what becomes of a report: the case, its acts, its clocks."""
