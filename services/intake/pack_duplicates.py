"""When reports are duplicates, by category: the pack's words as the domain reckons with them."""

from datetime import timedelta

from services.intake.domain.duplicates import Likeness
from shared.packs import Pack


def likenesses(pack: Pack) -> dict[str, Likeness]:
    """Of every category that has duplicates; none, where the pack does not say when."""
    rules = pack.duplicates
    if rules is None:
        return {}
    found = {code: rules.likeness_of(code) for code in pack.categories}
    return {
        code: Likeness(like[0], timedelta(hours=like[1]), rules.family_of(code)) for code, like in found.items() if like
    }
