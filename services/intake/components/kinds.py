"""Which components this city may have, read from its pack."""

from shared.packs import Pack


def kind_names(pack: Pack) -> dict[str, str]:
    """The pack's kinds of components, by code, with their names."""
    return {code: category.name.zh for code, category in pack.categories.items() if category.kind == "component"}


def division_of(pack: Pack) -> str | None:
    """The six digits that the codes of this city's components begin with; None where the pack does not tell."""
    first = pack.area.split(".")[0]
    return first if len(first) == 6 and first.isdecimal() else None
