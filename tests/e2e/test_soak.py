"""The short form of the soak: load with faults, after which everything adds up."""

from bench.soak import soak


def test_under_load_with_faults_nothing_is_lost_and_every_token_is_counted() -> None:
    report = soak(seconds=8, rate=200)
    assert report.wrong == [], "\n".join([*report.wrong, *report.lines])
