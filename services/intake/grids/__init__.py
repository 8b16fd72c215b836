"""Geometry: which grid a point lies in, whether grids cover a city without blank or overlap, and files of areas.

Pure computing over shapely, without I/O; beside the domain because shapely is no part of the standard library.
"""
