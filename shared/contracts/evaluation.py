"""Facts that evaluation publishes. It counts and answers; publishing scores comes with schemes and bulletins."""

from shared.contracts.base import Fact

FACTS: tuple[type[Fact], ...] = ()
