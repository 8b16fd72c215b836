"""What one part of a pack says about another: every name used must be a name given."""

from collections.abc import Iterator

from shared.auth import POSTS
from shared.kernel.area import AreaPath
from shared.packs.model import Pack
from shared.packs.problems import Problem


def dangling(pack: Pack) -> Iterator[Problem]:
    """References to posts, departments, areas and categories that the pack does not have; versions used twice."""
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
    for stage, steps in pack.steps:
        for number, step in enumerate(steps):
            for post in step.to:
                if post not in POSTS:
                    message = f"there is no post {post!r}; the posts are {', '.join(POSTS)}"
                    yield Problem(f"{pack.name}/pack.yaml", f"/steps/{stage}/{number}/to", message)
    versions = {pack.calendar.version}
    for area, rules in pack.areas.items():
        if area in ("", pack.area) or not whole.covers(area):
            message = f"{area!r} is not a part of the pack's own area {pack.area!r}"
            yield Problem(f"{pack.name}/pack.yaml", f"/areas/{area}", message)
        if rules.calendar is None:
            continue
        if rules.calendar.version in versions:
            message = f"{rules.calendar.version} is already the version of another calendar"
            yield Problem(f"{pack.name}/pack.yaml", f"/areas/{area}/calendar/version", message)
        versions.add(rules.calendar.version)
    staffed = {unit.dept for unit in pack.units.values()}
    for category in pack.categories.values():
        if category.dept not in staffed:
            message = f"department {category.dept!r} has no unit in units.csv"
            yield Problem(f"{pack.name}/catalogue.csv", f"/{category.code}/dept", message)
    for complaint, code in pack.demo.categories.items():
        if code not in pack.categories:
            message = f"there is no category {code!r} in catalogue.csv"
            yield Problem(f"{pack.name}/pack.yaml", f"/demo/categories/{complaint}", message)
