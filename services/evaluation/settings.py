"""Settings of evaluation: those that every service has."""

from shared.settings import Settings


class EvaluationSettings(Settings):
    """Nothing of its own yet."""
