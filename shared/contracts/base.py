"""What every published fact has in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """The data of one event. Readers ignore members they do not know, so that a fact can grow.

    `TYPE` is the event's `ce_type`; `TOPIC` the topic it is published on.
    """

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]

    model_config = ConfigDict(extra="ignore", frozen=True)


class Point(BaseModel):
    """A place on the earth: WGS 84 degrees."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    lon: float
    lat: float
