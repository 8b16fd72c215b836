"""Evaluation 综合评价: counts what happened to every case and answers with counters and rates. It reads only."""
