"""Facts that notify publishes. It streams what others publish; its own facts come with messages to reporters."""

from shared.contracts.base import Fact

FACTS: tuple[type[Fact], ...] = ()
