"""The suite's one fixture: a service on each carrier."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.bus.world import Kind, World, a_world


@pytest.fixture(params=["embedded", "kafka"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """The carrier."""
    found: Kind = request.param
    return found


@pytest.fixture
def bootstrap(kind: Kind, request: pytest.FixtureRequest) -> str:
    """The broker, where one is needed: none is started for the embedded carrier."""
    return str(request.getfixturevalue("kafka_bootstrap")) if kind == "kafka" else ""


@pytest.fixture
async def world(kind: Kind, bootstrap: str, empty_database: str) -> AsyncIterator[World]:
    """A service of this test's own."""
    async with a_world(kind, empty_database, bootstrap) as made:
        yield made
