"""The tables of docs/darkroom.md on what is kept are those that developing photos gives."""

import kept_table
import pytest


def test_the_committed_tables_are_measured_anew() -> None:
    pytest.importorskip("pillow_heif")
    page = kept_table.PAGE.read_text(encoding="utf-8")
    assert kept_table.with_tables(page) == page, "run python tests/photos/kept_table.py"
    assert kept_table.BEGIN in page
    assert page.count("| EXIF |") == 2
