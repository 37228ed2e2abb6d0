"""Pairs made of numbers, for tests of the evaluation."""

import pytest
from listed_pairs import ListedPairs


@pytest.fixture
def listed_pairs() -> type[ListedPairs]:
    return ListedPairs
