"""Facts as dispatch writes them, and what a listener is sent of each."""

from collections.abc import Sequence

import orjson

from services.dispatch.commands.open_cases import case_number
from services.dispatch.domain.acts import Report, open_case
from services.dispatch.domain.case import Place
from services.dispatch.outgoing import events_of
from services.dispatch.pack_rules import rules_of
from services.notify.domain.frame import prefixes_of, render
from shared.bus.event import Event, Record, source_of
from shared.kernel.area import AreaPath
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from shared.packs import load
from tests.bench.reports import bodies


def opened(pack_name: str, grids: Sequence[str], count: int) -> list[Event]:
    """`case.opened.v1` of `count` new cases of real reports, each in one of the grids, drawn at random."""
    pack, now = load(pack_name), utc_now()
    rules = rules_of(pack)
    cases = []
    for n, body in enumerate(map(orjson.loads, bodies(pack_name, count))):
        id = uuid7()
        area = AreaPath(grids[id.int % len(grids)])
        place = Place(body["location"]["lon"], body["location"]["lat"])
        said = body["category"], body["description"]
        report = Report(uuid7(), *said, place, area, "app", attributes=body["attributes"])
        number = case_number(rules.number_prefix, now, rules.calendar.zone, n)
        cases.append(open_case(report, id, number, now, rules))
    return events_of(cases)


def heard_in(event: Event) -> tuple[str, ...]:
    """The areas whose listeners hear of it."""
    return prefixes_of(event.routing_key, event.routing_key_from)


def text(position: int, event: Event) -> str:
    """The server-sent event."""
    record = Record(
        event.topic,
        0,
        position,
        event.key,
        str(event.id),
        event.type,
        source_of(event.topic),
        str(event.subject),
        event.sequence,
        event.routing_key,
        event.routing_key_from,
        event.at,
        event.data,
        event.traceparent,
    )
    return render(position, event.type, record.structured()).decode()
