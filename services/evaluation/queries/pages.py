"""One page of a list that is computed whole: score cards are few, and dear to sum."""

from collections.abc import Sequence

from services.evaluation.queries.scorecards import ScoreCard


def page(cards: Sequence[ScoreCard], after: str | None, limit: int) -> tuple[list[ScoreCard], str | None]:
    """The cards after the one whose key is `after`, and the key to continue from, None on the last page.

    A card that has gone meanwhile is where its key would sort: the list is in order of keys but for its first card.
    """
    start = 0
    if after is not None:
        keys = [card.key for card in cards]
        start = keys.index(after) + 1 if after in keys else sum(key <= after for key in keys)
    shown = list(cards[start : start + limit])
    return shown, shown[-1].key if start + limit < len(cards) else None
