"""One URL, one view, one template: the whole page, or the one block of it that was asked for."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import unquote

from flask import Response, make_response, render_template, request
from jinja2_fragments.flask import render_block
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

AnyResponse = TypeVar("AnyResponse", bound=BaseResponse)
VARY: Final = ("HX-Request", "HX-Request-Type", "HX-Target")


class Part(NamedTuple):
    """A block of a template on its way into the element that bears its name."""

    block: str
    swap: str = "outerHTML"


# Element id of a target, to the parts its answer holds; the first is for the target itself.
Blocks = Mapping[str, tuple[Part, ...]]
PARTIAL: Final = Markup('<hx-partial hx-target="#{}" hx-swap="{}">{}</hx-partial>')


def page(
    template: str, context: Mapping[str, Any], blocks: Blocks | None = None, said: str = ""
) -> Response:
    """The page, or, when htmx asks for part of it, just those blocks; never stored by others.

    `said` is read out by screen readers when a part comes in. Headers choose the
    representation and nothing else: anyone can forge them.
    """
    parts = (blocks or {}).get(asked_target() or "")
    if parts is None:
        body = render_template(template, **context)
    else:
        body = fragment(template, context, parts)
        body += PARTIAL.format("live", "textContent", said) if said else ""
    return private(make_response(body))


def fragment(template: str, context: Mapping[str, Any], parts: tuple[Part, ...]) -> Markup:
    """The first part as it is, each other one wrapped so that it finds its own element."""
    # Blocks come out of autoescaped templates, as whole pages do.
    rendered = [render_block(template, part.block, **context) for part in parts]
    first, *others = map(Markup, rendered)
    return first + Markup().join(
        PARTIAL.format(part.block, part.swap, block)
        for part, block in zip(parts[1:], others, strict=True)
    )


def asked_target() -> str | None:
    """The id of the element htmx wants to fill, or None where a whole page is wanted."""
    if request.headers.get("HX-Request-Type") != "partial":
        return None
    return unquote(request.headers.get("HX-Target", "").partition("#")[2])


def is_htmx() -> bool:
    """Whether a script asks, so that a redirect would end up inside the page."""
    return "HX-Request" in request.headers or "HX-History-Restore-Request" in request.headers


def private(response: AnyResponse) -> AnyResponse:
    """For this person's browser alone, asked for anew each time, kept apart from fragments."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(VARY)
    return response


def unchanged(tag: str) -> Response:
    """304 for a poll that shows what `tag` stands for: htmx then swaps nothing."""
    return private(tagged(Response(status=304), tag))


def tagged(response: Response, tag: str | None) -> Response:
    """The answer with the tag that the next poll will bring back."""
    response.headers["HX-PTag"] = tag or "none"
    return response
