"""Regime packs 制度包: what differs from city to city, as data that is checked before it is believed.

`load(name)` gives a `Pack`. Nothing is cached: whoever loads a pack keeps it.
"""

from shared.packs.loader import available, load
from shared.packs.model import Pack
from shared.packs.problems import BadPack, Problem

__all__ = ["BadPack", "Pack", "Problem", "available", "load"]
