"""Sources 来源: who or what noticed it, and what a report of each source must bring."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from shared.kernel.errors import FieldError, Invalid

APP: Final = "app"
"""The source of a report whose caller is an app and says none."""


class UnknownSource(Invalid):
    slug, title, title_zh = "unknown-source", "No such source in this city", "来源不存在"


class SourceIncomplete(Invalid):
    slug, title, title_zh = "source-incomplete", "The source must bring more than this", "该来源缺少必要信息"


class Source(NamedTuple):
    """A source. `needs` are some of contact, media, number, name; `public` is one that a member of the public speaks
    through, who must leave a contact where the city takes no anonymous reports.
    """

    key: str
    zh: str
    en: str
    needs: frozenset[str] = frozenset()
    public: bool = False


class Sources(NamedTuple):
    """The city's sources by key (none: every source is taken), those of its posts, and whether a member of the public
    may stay anonymous.
    """

    known: Mapping[str, Source]
    of_post: Mapping[str, str]
    anonymous: bool = True


class Brought(Protocol):
    """What of a report its source is judged by."""

    @property
    def has_contact(self) -> bool: ...
    @property
    def has_media(self) -> bool: ...
    @property
    def has_number(self) -> bool: ...
    @property
    def has_name(self) -> bool: ...


def default_source(sources: Sources, post: str | None) -> str:
    """The source of a report that says none: that of the caller's post, or `app`."""
    return APP if post is None else sources.of_post.get(post, post if post in sources.known else APP)


def check_source(sources: Sources, key: str, brought: Brought) -> None:
    """Raise UnknownSource, or SourceIncomplete with a pointer to each thing that is missing."""
    if not sources.known:
        return
    source = sources.known.get(key)
    if source is None:
        known = ", ".join(f"{each.key} {each.zh}" for each in sources.known.values())
        raise UnknownSource(
            f"{key!r} is no source of this city; it has {known}",
            errors=[FieldError("/source", f"one of {', '.join(sources.known)}")],
        )
    needs = source.needs
    if source.public and not sources.anonymous:
        needs |= {"contact"}
    if not needs:
        return
    has = {
        "contact": brought.has_contact,
        "media": brought.has_media,
        "number": brought.has_number,
        "name": brought.has_name,
    }
    errors = [FieldError(*_MISSING[need]) for need in _MISSING if need in needs and not has[need]]
    if errors:
        said = "; ".join(f"{e.pointer}: {e.message}" for e in errors)
        raise SourceIncomplete(
            f"a report from {key} {source.zh} ({source.en}) must bring more: {said}",
            errors=errors,
            facts={"source": key, "needs": sorted(needs)},
        )


# need → (pointer, what would be right)
_MISSING: Final = {
    "contact": ("/reporter", "a phone or an e-mail address at which whoever reported can be reached"),
    "media": ("/media", "the id of at least one uploaded file"),
    "number": ("/origin/number", "the number that it has where it comes from"),
    "name": ("/origin/name", "the office, department, paper or device that it comes from"),
}
