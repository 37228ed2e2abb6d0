"""Self-contained HTML pages: template, styles, scripts and images in one file."""

import base64
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from cinegan_jax.pages import numbers

SHARED_STATIC = Path(__file__).with_name("static")
"""Folder of the styles and scripts that several pages share; the web server serves it too."""

_TEMPLATES = Path(__file__).with_name("templates")
_JPEG_QUALITY = 82
"""JPEG quality of embedded images (4:2:0); an image of 800 pixels takes about 100 kB."""
_MODULE_SYNTAX = re.compile(r"^import .*?;\n|^export (?=class|function|const)", re.MULTILINE)


def render_page(
    folders: Sequence[Path],
    template: str,
    values: Mapping[str, Any],
    *,
    styles: Sequence[str] = (),
    libraries: Sequence[str] = (),
    scripts: Sequence[str] = (),
) -> str:
    """Return a page as HTML, with a Content-Security-Policy that admits its own parts only.

    The policy names the SHA-256 of every style and script, so that nothing else runs, whatever a
    value contains. Values are escaped.

    Args:
        folders: hold the template and other files; the shared ones are searched after them.
        template: name of a file, which extends `base.html`.
        values: for the template. Scripts read the value `data`.
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


def to_jpeg(image: Image.Image, side: int, quality: int = _JPEG_QUALITY) -> bytes:
    """Return the image as JPEG, reduced to `side` pixels where its longest side exceeds that."""
    reduced = image.convert("RGB")
    reduced.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    reduced.save(file, "jpeg", quality=quality, optimize=True, progressive=True)
    return file.getvalue()


def data_uri(jpeg: bytes) -> str:
    """Return a URI that holds the whole JPEG."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _environment(folders: Sequence[Path]) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, _TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    for function in (numbers.short_number, numbers.thousands, numbers.duration, numbers.utc_time):
        environment.filters[function.__name__] = function
    return environment


class _Reader:
    """Reader of files by name, from the first folder that has one; `SHARED_STATIC` is the last."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = (*folders, SHARED_STATIC)

    def __call__(self, name: str) -> str:
        path = next(f / name for f in self._folders if (f / name).exists())
        return path.read_text(encoding="utf-8")


def _inline(content: str, element: str) -> Markup:
    """Return content to stand inside an element, which it must not close."""
    assert f"</{element}" not in content.lower(), f"the content would end its <{element}>"
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
