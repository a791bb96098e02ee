"""Who has an outbox open: one who is alone looks after it, the others come in when he has, or in his place if he died over it."""

import threading
import time
from pathlib import Path

import pytest

from probe.outbox.hold import Hold, writing


def coming(path: Path) -> tuple[threading.Thread, list[Hold]]:
    """Let somebody come who may have to wait."""
    came: list[Hold] = []
    thread = threading.Thread(target=lambda: came.append(Hold(path)))
    thread.start()
    return thread, came


@pytest.mark.parametrize("dies", [False, True])
def test_whoever_waits_comes_in_or_takes_his_place(tmp_path: Path, dies: bool) -> None:
    """While one is alone nobody gets in; when he shares the next one is with him, and when he is killed the next one is alone."""
    first = Hold(tmp_path / "lock")
    assert first.is_alone
    thread, came = coming(tmp_path / "lock")
    time.sleep(0.05)
    assert came == []
    if dies:
        first.close()
    else:
        first.share()
    thread.join(10)
    (second,) = came
    assert second.is_alone is dies
    second.close()
    first.close()


def test_the_last_one_is_alone_again(tmp_path: Path) -> None:
    """Of several the last one who closes is alone; whoever closed is nobody any more."""
    holds = [Hold(tmp_path / "lock")]
    holds[0].share()
    holds += [Hold(tmp_path / "lock") for _ in range(2)]
    for hold in holds[:-1]:
        assert not hold.is_last()
        hold.close()
        assert not hold.is_last()
    assert holds[-1].is_last()
    holds[-1].close()


def test_one_writes_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever would write beside another gives up after a while, and writes when he is done."""
    monkeypatch.setattr("probe.outbox.hold.PATIENCE_S", 0.02)
    with writing(tmp_path / "lock"), pytest.raises(TimeoutError, match="somebody else"), writing(tmp_path / "lock"):
        pass
    with writing(tmp_path / "lock"):
        pass
