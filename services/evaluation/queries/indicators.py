"""The table of counters and rates, as it is published."""

from pydantic import BaseModel

from services.evaluation.domain.indicators import COUNTERS, RATES


class Words(BaseModel):
    zh: str
    en: str


class CounterMeaning(BaseModel):
    """A counter of a score card. `parts`: it is the sum of these."""

    name: str
    title: Words
    definition: Words
    depends_on_as_of: bool
    parts: list[str]
    act_of_a_post: str | None
    source: str


class RateMeaning(BaseModel):
    """`100 × sum(numerator) / sum(denominator)`, null where the denominator is 0."""

    name: str
    title: Words
    numerator: list[str]
    denominator: list[str]
    source: str


class Indicators(BaseModel):
    counters: list[CounterMeaning]
    rates: list[RateMeaning]
    sources: dict[str, str]


SOURCES = {
    "E": "a large vendor's production statistics (definitions only)",
    "P": "a vendor's published rate queries",
    "U": "an open urban-management platform (Apache-2.0)",
    "J": "the Jinhua rule: suspended cases leave the denominators",
    "W": "ours",
}


def indicators() -> Indicators:
    """Built from the table that the counting itself uses, so that it cannot say anything else."""
    moving = {c.name for c in COUNTERS if c.kind == "as_of"}
    return Indicators(
        counters=[
            CounterMeaning(
                name=c.name,
                title=Words(zh=c.zh, en=c.en),
                definition=Words(zh=c.definition_zh, en=c.definition_en),
                depends_on_as_of=c.name in moving or not moving.isdisjoint(c.parts),
                parts=list(c.parts),
                act_of_a_post=c.step,
                source=c.source,
            )
            for c in COUNTERS
        ],
        rates=[
            RateMeaning(
                name=r.name,
                title=Words(zh=r.zh, en=r.en),
                numerator=list(r.numerator),
                denominator=list(r.denominator),
                source=r.source,
            )
            for r in RATES
        ],
        sources=SOURCES,
    )
