"""The robot city 机器人城市: apps, desks, units and grid workers that work through the public HTTP interfaces alone.

It plays real requests: an app posts each as a report, and the posts, each with its own token, carry the case that
becomes of it to closure. It serves the demo, the end-to-end test and the measurements, and touches no case but its own.
"""

from services.city.robots.play import demo, replay
from services.city.robots.requests import Request, read_requests
from services.city.robots.summary import Summary

__all__ = ["Request", "Summary", "demo", "read_requests", "replay"]
