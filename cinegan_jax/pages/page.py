"""One self-contained HTML page: template, styles, scripts and pictures in one text."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from cinegan_jax.pages import numbers

SHARED = Path(__file__).with_name("static")
"""Styles and scripts that more than one page uses; the darkroom's server has them, too."""

_TEMPLATES = Path(__file__).with_name("templates")
_MODULE_SYNTAX = re.compile(r"^import .*?;\n|^export (?=class|function|const)", re.MULTILINE)


def render(
    folders: Sequence[Path],
    template: str,
    values: Mapping[str, Any],
    *,
    styles: Sequence[str] = (),
    libraries: Sequence[str] = (),
    scripts: Sequence[str] = (),
) -> str:
    """The page as HTML, with a Content-Security-Policy that lets in its own parts alone.

    The policy names the SHA-256 of every style and script, so that nothing else runs, whatever
    stands in a value. Values are escaped.

    Args:
      folders: hold the template and other files; the shared ones are searched after them.
      template: a file's name, which extends `base.html`.
      values: what the template shows. All under `data` is what scripts read.
      styles: CSS files, in order, after `base.css` and `page.css`.
      libraries: classic scripts, each run by itself.
      scripts: ES modules, in the order of their imports; they become one module.
    """
    read = _Reader(folders)
    css = [read(name) for name in ("base.css", "page.css", *styles)]
    classic = [read(name) for name in libraries]
    module = "\n".join(_MODULE_SYNTAX.sub("", read(name)) for name in scripts)
    sheet = "\n".join(css)
    return (
        _environment(folders)
        .get_template(template)
        .render(
            values,
            policy=_policy([sheet], [*classic, module]),
            style=_inline(sheet, "style"),
            libraries=[_inline(script, "script") for script in classic],
            module=_inline(module, "script"),
        )
    )


def _environment(folders: Sequence[Path]) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, _TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    for words in (numbers.figure, numbers.count, numbers.duration, numbers.moment):
        environment.filters[words.__name__] = words
    return environment


class _Reader:
    """The text of a file in the first folder that has it, `SHARED` last."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = (*folders, SHARED)

    def __call__(self, name: str) -> str:
        path = next(f / name for f in self._folders if (f / name).exists())
        return path.read_text(encoding="utf-8")


def _inline(content: str, element: str) -> Markup:
    """Content for between the tags of an element, which must not close it."""
    assert f"</{element}" not in content.lower(), f"it would end its <{element}>"
    return Markup(content)


def _policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            f"style-src {_sources(styles)}",
            f"script-src {_sources(scripts)}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _sources(contents: Sequence[str]) -> str:
    digests = (hashlib.sha256(content.encode()).digest() for content in contents)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
