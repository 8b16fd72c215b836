"""Intake 受理入口: takes reports in, knows the grids, keeps what is personal to itself."""
