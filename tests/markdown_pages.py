"""Read the documentation's Markdown: its links, anchors, inline code and shell commands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
GUIDES = (
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "launch" / "README.md",
    *sorted((ROOT / "cinegan_jax" / "looks").glob("*.md")),
)
"""Pages that say how to use the project as it is now."""
PAGES = (*GUIDES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")

_SEPARATORS = set("();|&<>")
_KEYWORDS = {"do", "then", "while", "if", "!"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """A Markdown file, parsed."""

    path: Path

    @cached_property
    def tokens(self) -> list[Token]:
        """Tokens of the whole file in order, inline ones included."""
        blocks = MarkdownIt("commonmark").enable("table").parse(self.path.read_text())
        return [token for block in blocks for token in (block, *(block.children or []))]

    @cached_property
    def links(self) -> list[str]:
        """Targets of links and images."""
        found = (token.attrs.get("href") or token.attrs.get("src") for token in self.tokens)
        return [str(target) for target in found if target]

    @cached_property
    def inline_code(self) -> list[str]:
        """Contents of inline code, on one line each."""
        return [" ".join(t.content.split()) for t in self.tokens if t.type == "code_inline"]

    @cached_property
    def anchors(self) -> set[str]:
        """Names of the headings as GitHub makes them."""
        anchors: set[str] = set()
        for opening, content in zip(self.tokens, self.tokens[1:], strict=False):
            if opening.type == "heading_open":
                anchors.add(_unused(github_slug(content.content), anchors))
        return anchors

    @cached_property
    def commands(self) -> list[list[str]]:
        """Words of each simple command in the blocks of bash."""
        return [command for block in self.blocks("bash") for command in simple_commands(block)]

    def blocks(self, language: str) -> list[str]:
        """Return the contents of the code blocks in a language."""
        return [t.content for t in self.tokens if t.type == "fence" and t.info == language]


def github_slug(heading: str) -> str:
    """Return the anchor of a heading: lower case, no punctuation, hyphens for spaces."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def simple_commands(script: str) -> Iterator[list[str]]:
    """Yield the words of each command, without assignments, redirections and comments."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        command: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= _SEPARATORS:
                if command:
                    yield command
                command = []
            elif command or not (word in _KEYWORDS or _ASSIGNMENT.fullmatch(word)):
                command.append(word)


def _unused(slug: str, taken: set[str]) -> str:
    """Return the slug, numbered as on GitHub where another heading has it."""
    candidates = [slug, *(f"{slug}-{n}" for n in range(1, len(taken) + 1))]
    return next(candidate for candidate in candidates if candidate not in taken)
