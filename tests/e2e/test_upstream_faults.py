"""What a client sees when Azure fails: another deployment before the first byte, an error after."""

import pytest

from tests.e2e.processes import Emulator, Gateway


@pytest.mark.parametrize(
    "fault", ["throttle-in-stream", "429", "500", "reset", "html-200", "empty-200"]
)
def test_a_stream_falls_back_before_its_first_byte(
    gateway: Gateway, emulator: Emulator, fault: str
) -> None:
    # A reset on a connection kept from before is repeated on a fresh one within the attempt.
    emulator.fault(fault, deployment="first-router", times=2)
    streamed = gateway.stream("backed", stream_options={"include_usage": True})
    assert streamed.done
    assert streamed.error is None
    assert streamed.text == "hello"
    assert streamed.headers["x-faregate-attempts"] == "2"
    assert streamed.headers["x-faregate-deployment"] == "reserve/second-router"
    receipt = gateway.receipt(streamed.call_id)
    assert [each["deployment"] for each in receipt["attempts"]] == [
        "backed/first-router",
        "reserve/second-router",
    ]
    assert [bool(each["error"]) for each in receipt["attempts"]] == [True, False]
    assert receipt["requested_model"] == "backed"
    assert len(receipt["charges"]) == emulator.meter()["total"]["calls"] == 1


@pytest.mark.parametrize("fault", ["429", "503", "reset", "html-200", "empty-200", "bad-json"])
def test_a_whole_answer_falls_back(gateway: Gateway, emulator: Emulator, fault: str) -> None:
    emulator.fault(fault, deployment="first-router", times=2)
    status, answer, headers = gateway.chat("backed")
    assert status == 200
    assert answer["choices"][0]["message"]["content"] == "hello"
    assert headers["x-faregate-deployment"] == "reserve/second-router"
    receipt = gateway.receipt(headers["x-faregate-call-id"])
    assert [bool(each["error"]) for each in receipt["attempts"]] == [True, False]


def test_the_last_real_error_is_told(gateway: Gateway, emulator: Emulator) -> None:
    emulator.fault("503", deployment="first-router")
    emulator.fault("429;retry-after=7", deployment="second-router")
    status, said, headers = gateway.chat("backed")
    assert status == 429
    assert headers["x-faregate-attempts"] == "2"
    assert headers["retry-after"] == "7"
    assert "reserve/second-router" in said["error"]["message"]
    row = gateway.receipt(headers["x-faregate-call-id"])
    assert (row["outcome"], row["http_status"]) == ("failed", 429)


def test_a_throttled_stream_with_nowhere_to_go(gateway: Gateway, emulator: Emulator) -> None:
    emulator.fault("throttle-in-stream")
    status, said, headers = gateway.chat("once", stream=True)
    assert status == 429
    assert headers["content-type"] == "application/json"
    assert said["error"]["code"]
    assert gateway.receipt(headers["x-faregate-call-id"])["outcome"] == "failed"


@pytest.mark.parametrize(
    "fault", ["error-in-stream;after=6", "truncate;after=6", "reset-in-body;after=6"]
)
def test_a_stream_that_dies_ends_in_an_error_event(
    gateway: Gateway, slow_emulator: Emulator, fault: str
) -> None:
    slow_emulator.fault(fault)
    streamed = gateway.stream("slow", "Tell a story", stream_options={"include_usage": True})
    assert streamed.text
    assert not streamed.done
    assert streamed.error is not None
    assert streamed.events[-1].startswith('{"error"')
    assert set(streamed.error) >= {"message", "type", "param", "code"}
    row = gateway.receipt(streamed.call_id)
    assert row["outcome"] == "failed"
    assert row["http_status"] == 200
    assert row["error"]
    assert row["status"] == "estimated"
    assert row["charges"][0]["usage"]["input"] > 0
    assert row["charges"][0]["usage"]["output"] > 0
    assert row["attempts"][0]["error"]


def test_a_prompt_counts_as_the_meter_counts_it(gateway: Gateway, slow_emulator: Emulator) -> None:
    slow_emulator.fault("truncate;after=6")
    row = gateway.receipt(gateway.stream("slow", "Tell a story").call_id)
    metered = slow_emulator.meter()["total"]
    assert row["charges"][0]["usage"]["input"] == metered["input"]
    assert 0 < row["charges"][0]["usage"]["output"] <= metered["output"]


def test_a_fault_after_an_answer_was_begun_is_billed_and_charged(
    gateway: Gateway, emulator: Emulator
) -> None:
    # How far the stream got to the client depends on how its bytes were cut on the way here.
    emulator.fault("error-in-stream;after=6", deployment="first-router")
    receipt = gateway.receipt(gateway.stream("backed", "Tell a story").call_id)
    statuses = [charge["status"] for charge in receipt["charges"]]
    assert statuses == ["estimated", "priced"][: emulator.meter()["total"]["calls"]]
    assert receipt["status"] == "estimated"


@pytest.mark.parametrize("fault", ["reset-in-body", "truncate", "bad-json"])
def test_a_whole_answer_that_broke_is_billed_and_charged(
    gateway: Gateway, emulator: Emulator, fault: str
) -> None:
    emulator.fault(fault, deployment="first-router")
    status, _, headers = gateway.chat("backed")
    assert status == 200
    row = gateway.receipt(headers["x-faregate-call-id"])
    metered = emulator.meter()["total"]
    assert len(row["charges"]) == metered["calls"] == 2
    assert sum(charge["usage"]["input"] for charge in row["charges"]) == metered["input"]
    assert row["charges"][0]["deployment"] == "backed/first-router"
    # Which model the router chose was in the part that is lost.
    assert row["charges"][0]["status"] == "unpriced"
    assert row["status"] == "unpriced"
    assert "x-faregate-cost" not in headers


@pytest.mark.parametrize("fault", ["no-done", "split;bytes=7", "async-filter", "failover"])
def test_oddities_that_are_no_failure(gateway: Gateway, emulator: Emulator, fault: str) -> None:
    emulator.fault(fault)
    streamed = gateway.stream("azure-model-router", stream_options={"include_usage": True})
    assert streamed.done
    assert streamed.text == "hello"
    assert streamed.error is None
    assert streamed.usage is not None
    assert streamed.usage["cost_details"]["status"] == "priced"
    assert streamed.headers["x-faregate-attempts"] == "1"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_broken_answer_is_a_bad_gateway(
    gateway: Gateway, emulator: Emulator, stream: bool
) -> None:
    for fault in ("html-200", "empty-200"):
        emulator.fault(fault)
        status, said, _ = gateway.chat("once", stream=stream)
        assert status == 502
        assert said["error"]["type"] == "server_error"
    assert gateway.healthy()
