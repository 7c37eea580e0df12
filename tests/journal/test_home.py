"""The lock of a journal's directory, let go of from any thread."""

import os
import threading
from pathlib import Path

from faregate.journal.home import new_home


def test_two_threads_let_go_once(tmp_path: Path) -> None:
    """A second close of the number would close somebody else's file, or fail."""
    for _ in range(200):
        home = new_home(tmp_path)
        barrier = threading.Barrier(2)
        failures: list[OSError] = []

        def let_go() -> None:
            barrier.wait()  # noqa: B023
            try:
                home.release()  # noqa: B023
            except OSError as error:
                failures.append(error)  # noqa: B023

        other = threading.Thread(target=let_go)
        other.start()
        let_go()
        mine = os.open(tmp_path, os.O_RDONLY)
        other.join()
        os.fstat(mine)
        os.close(mine)
        assert failures == []
