"""`GET /problems/<slug>`: what a refusal means, for the person who met it."""

import html
import inspect
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

import services
from shared import http
from shared.kernel.errors import Refusal

_WITHOUT_CLASS = {
    "internal": ("Something is wrong on our side", "服务器内部错误", "", 500),
    "method-not-allowed": ("This method is not for this address", "不支持该请求方法", "", 405),
}
_STYLE = """
body{font:16px/1.6 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:42rem;margin:4rem auto;
padding:0 1rem;color:#1b2733;background:#f6f8fa}code{background:#e8edf2;padding:.1em .4em;border-radius:4px}
h1{font-size:1.5rem;margin:0}p.zh{font-size:1.25rem;margin:.2rem 0 1.5rem;color:#46586a}a{color:#0b63a5}
"""


def routes() -> list[Route]:
    return [Route("/problems", _list), Route("/problems/{slug}", _one)]


def known() -> dict[str, tuple[str, str, str, int]]:
    """Slug → title, Chinese title, explanation, HTTP status: of every refusal that any service can answer with."""
    _load()
    found = dict(_WITHOUT_CLASS)
    for kind in _descendants(Refusal):
        if any(base in http.STATUS for base in kind.__mro__):
            explanation = inspect.cleandoc(kind.__doc__) if kind.__doc__ and "__doc__" in vars(kind) else ""
            found[kind.slug] = (kind.title, kind.title_zh, explanation, http.status_of(kind))
    return found


def _load() -> None:
    """Import what defines refusals: the shared edges, and the rules of all services."""
    for edge in ("shared.auth", "shared.idempotency", "shared.http"):
        import_module(edge)
    root = Path(next(iter(services.__path__)))
    for service in ("intake", "dispatch", "evaluation", "notify"):
        for room in ("domain", "commands", "queries", "api"):
            folder = root / service / room
            if folder.is_dir():
                for module in walk_packages([str(folder)], f"services.{service}.{room}."):
                    import_module(module.name)


def _descendants(kind: type[Refusal]) -> Iterable[type[Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def _one(request: Request) -> Response:
    slug = request.path_params["slug"]
    found = known().get(slug)
    if found is None:
        body = "<h1>No such problem</h1><p class=zh>没有这种问题</p><p><a href=/problems>All of them 全部</a></p>"
        return _page("No such problem", body, 404)
    title, title_zh, explanation, status = found
    paragraphs = "".join(f"<p>{html.escape(p)}</p>" for p in explanation.split("\n\n") if p)
    body = (
        f"<h1>{html.escape(title)}</h1><p class=zh>{html.escape(title_zh)}</p>{paragraphs}"
        f"<p>HTTP status 状态码 <code>{status}</code>, type 类型 <code>/problems/{html.escape(slug)}</code>. "
        "Nothing was changed by the request. What was wrong with yours stands in <code>detail</code> and, field by "
        "field, in <code>errors</code> of the answer.</p><p>请求未造成任何更改；具体原因见应答中的 "
        "<code>detail</code> 与 <code>errors</code>。</p><p><a href=/problems>All problems 全部</a></p>"
    )
    return _page(title, body, 200)


def _list(request: Request) -> Response:
    rows = "".join(
        f"<li><a href=/problems/{html.escape(slug)}>{html.escape(title)}</a> {html.escape(title_zh)} "
        f"<code>{status}</code>"
        for slug, (title, title_zh, _, status) in sorted(known().items(), key=lambda item: (item[1][3], item[0]))
    )
    return _page("Problems", f"<h1>Problems</h1><p class=zh>问题类型</p><ul>{rows}</ul>", 200)


def _page(title: str, body: str, status: int) -> HTMLResponse:
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(title)} · Wangge 网格</title><style>{_STYLE}</style>{body}</html>"
    )
    return HTMLResponse(text, status)
