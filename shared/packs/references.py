"""What one part of a pack says about another: every name used must be a name given."""

from collections.abc import Iterator

from shared.kernel.area import AreaPath
from shared.packs.model import Pack
from shared.packs.problems import Problem


def dangling(pack: Pack) -> Iterator[Problem]:
    """References to departments, areas and categories that the pack does not have."""
    whole = AreaPath(pack.area)
    for unit in pack.units.values():
        if unit.dept not in pack.departments:
            message = f"there is no department {unit.dept!r} in pack.yaml"
            yield Problem(f"{pack.name}/units.csv", f"/{unit.code}/dept", message)
        if not whole.covers(unit.area):
            message = f"{unit.area!r} is outside the pack's own area {pack.area!r}"
            yield Problem(f"{pack.name}/units.csv", f"/{unit.code}/area", message)
    for index, pair in enumerate(pack.procedure.two_way):
        for dept in pair:
            if dept not in pack.departments:
                message = f"there is no department {dept!r}"
                yield Problem(f"{pack.name}/pack.yaml", f"/procedure/two_way/{index}", message)
    staffed = {unit.dept for unit in pack.units.values()}
    for category in pack.categories.values():
        if category.dept not in staffed:
            message = f"department {category.dept!r} has no unit in units.csv"
            yield Problem(f"{pack.name}/catalogue.csv", f"/{category.code}/dept", message)
    for complaint, code in pack.demo.categories.items():
        if code not in pack.categories:
            message = f"there is no category {code!r} in catalogue.csv"
            yield Problem(f"{pack.name}/pack.yaml", f"/demo/categories/{complaint}", message)
