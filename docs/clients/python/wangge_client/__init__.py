"""A client of a Wangge city: post reports, follow them, listen. `Client` blocks, `AsyncClient` awaits: alike else."""

from wangge_client.asynchronous import AsyncClient
from wangge_client.blocking import Client
from wangge_client.errors import NoAnswer, Refused, WanggeError
from wangge_client.model import BatchLine, Event, FieldTrouble, Place, Report, ReportState, Reset, Taken

__all__ = [
    "AsyncClient",
    "BatchLine",
    "Client",
    "Event",
    "FieldTrouble",
    "NoAnswer",
    "Place",
    "Refused",
    "Report",
    "ReportState",
    "Reset",
    "Taken",
    "WanggeError",
]
