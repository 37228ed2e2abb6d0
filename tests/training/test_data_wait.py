"""When the loader is called too slow."""

import pytest

from cinegan_jax.training.hooks import DataWaitWarning


@pytest.mark.parametrize(
    ("seconds", "shares", "said"),
    [
        (9.0, [0.9, 0.05, 0.0], []),
        (9.0, [0.0, 0.06], ["6 %"]),
        (9.0, [0.9, 0.3, 0.01, 0.6], ["30 %"]),
        (0.9, [0.9, 0.9, 0.9], []),
    ],
)
def test_it_warns_once_and_not_of_the_first_interval(
    seconds: float, shares: list[float], said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    warn = DataWaitWarning()
    for share in shares:
        warn(seconds, share)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == len(said)
    for message, figure in zip(messages, said, strict=True):
        assert figure in message
        assert "data.threads" in message
        assert "cinegan prepare" in message
