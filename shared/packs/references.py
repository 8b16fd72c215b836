"""What one part of a pack says about another: every name used must be a name given."""

from collections.abc import Iterable, Iterator

from shared.auth import POSTS
from shared.kernel.area import AreaPath
from shared.packs.model import Pack
from shared.packs.problems import Problem
from shared.packs.routing import OF_CATEGORY


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
    yield from _duplicates(pack)
    if OF_CATEGORY in pack.departments:
        message = f"{OF_CATEGORY!r} means the category's own department in rules.yaml: name this one otherwise"
        yield Problem(f"{pack.name}/pack.yaml", f"/departments/{OF_CATEGORY}", message)
    yield from _catalogue(pack)
    yield from _sources(pack)
    for name, attribute in pack.attributes.items():
        for pattern in attribute.categories:
            if not covered_by(pattern, pack.categories):
                message = f"there is no category {pattern!r} in catalogue.csv"
                yield Problem(f"{pack.name}/pack.yaml", f"/attributes/{name}/categories", message)
    for complaint, code in pack.demo.categories.items():
        if code not in pack.categories:
            message = f"there is no category {code!r} in catalogue.csv"
            yield Problem(f"{pack.name}/pack.yaml", f"/demo/categories/{complaint}", message)


def _catalogue(pack: Pack) -> Iterator[Problem]:
    file = f"{pack.name}/catalogue.csv"
    for category in pack.categories.values():
        of = [("standard", category.standard)] if category.standard is not None or pack.standards else []
        of += [("codes", other.standard) for other in category.codes]
        for field, standard in of:
            if standard not in pack.standards:
                known = ", ".join(pack.standards) or "none"
                message = f"there is no standard {standard!r} in pack.yaml; it has {known}"
                yield Problem(file, f"/{category.code}/{field}", message)
        if category.instead is not None and category.instead not in pack.categories:
            yield Problem(file, f"/{category.code}/instead", f"there is no category {category.instead!r}")
    if pack.admission is None:
        return
    lists = [("admitted", pack.admission.admitted)]
    lists += [(f"elsewhere/{n}/categories", each.categories) for n, each in enumerate(pack.admission.elsewhere)]
    for field, patterns in lists:
        for pattern in patterns:
            if not covered_by(pattern, pack.categories):
                message = f"there is no category {pattern!r} in catalogue.csv"
                yield Problem(f"{pack.name}/pack.yaml", f"/admission/{field}", message)


def _sources(pack: Pack) -> Iterator[Problem]:
    file, of_post = f"{pack.name}/pack.yaml", dict[str, str]()
    if pack.sources and "app" not in pack.sources:
        yield Problem(file, "/sources", "needs a source app: that of apps which name none")
    for key, source in pack.sources.items():
        for post in source.posts:
            if post not in POSTS:
                message = f"there is no post {post!r}; the posts are {', '.join(POSTS)}"
                yield Problem(file, f"/sources/{key}/posts", message)
            elif of_post.setdefault(post, key) != key:
                yield Problem(file, f"/sources/{key}/posts", f"{post} belongs to the source {of_post[post]} already")


def covered_by(pattern: str, codes: Iterable[str]) -> set[str]:
    """Those of `codes` that a pattern means: itself, or what begins with what stands before its `*`."""
    if pattern.endswith("*"):
        return {code for code in codes if code.startswith(pattern[:-1])}
    return {code for code in codes if code == pattern}


def _duplicates(pack: Pack) -> Iterator[Problem]:
    """Categories that are named where it says which reports are duplicates."""
    rules, file = pack.duplicates, f"{pack.name}/pack.yaml"
    if rules is None:
        return
    patterns = [(f"/duplicates/never/{n}", pattern) for n, pattern in enumerate(rules.never)]
    patterns += [(f"/duplicates/categories/{pattern}", pattern) for pattern in rules.categories]
    for where, pattern in patterns:
        if not covered_by(pattern, pack.categories):
            yield Problem(file, where, f"no category of catalogue.csv has a code that {pattern!r} fits")
    named: set[str] = set()
    for number, group in enumerate(rules.siblings):
        for code in group:
            where = f"/duplicates/siblings/{number}"
            if code not in pack.categories:
                yield Problem(file, where, f"there is no category {code!r} in catalogue.csv")
            elif rules.likeness_of(code) is None:
                yield Problem(file, where, f"{code!r} is never a duplicate, of siblings neither")
            if code in named:
                yield Problem(file, where, f"{code!r} is named twice: a category is in one group of siblings")
            named.add(code)
