"""The configuration changes while the gateway serves."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.e2e import lives, wire
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator


def named(emulator: Emulator, *names: str, **sections: object) -> str:
    """A configuration with these models."""
    return lives.config(
        *(entry(name, f"model_router/{name}-router", emulator.url) for name in names), **sections
    )


def becomes(life: Life, *names: str) -> None:
    """The models are these within three seconds."""
    wire.soon(lambda: life.models() == list(names), seconds=3)


def test_a_changed_file_is_taken(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, named(emulator, "first")) as life:
        assert life.models() == ["first"]
        life.write(named(emulator, "first", "second"))
        becomes(life, "first", "second")
        assert life.ask_model("second")[0] == 200
        wire.soon(lambda: "the configuration is reloaded: 2 models" in life.printed())
        assert life.total("faregate_requests_total", model="second") == 1


def test_sighup_does_not_wait_for_the_file_to_change(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, named(emulator, "first")) as life:
        before = life.config.stat()
        text = named(emulator, "other")
        assert len(text) == before.st_size
        with life.config.open("r+") as file:  # the same inode, size and time
            file.write(text)
        os.utime(life.config, ns=(before.st_atime_ns, before.st_mtime_ns))
        life.signal(signal.SIGHUP)
        becomes(life, "other")


def test_a_bad_file_is_refused_whole_and_loudly(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, named(emulator, "first")) as life:
        life.write(
            "model_list:\n"
            "  - model_name: second\n"
            "    litellm_params:\n"
            "      model: azure_ai/model_router/x\n"
            f"      api_base: {emulator.url}\n"
            "      api_kee: whatever\n"
            "      api_key: os.environ/NOT_SET_ANYWHERE\n"
            "router_settings:\n"
            "  fallbacks: [{second: [thrid]}]\n"
        )
        wire.soon(lambda: "the running configuration stays" in life.printed(), seconds=3)
        said = life.printed()
        assert f"{life.config}:6: error: model_list[0].litellm_params.api_kee" in said
        assert "did you mean 'api_key'?" in said
        assert f"{life.config}:7: error" in said
        assert "NOT_SET_ANYWHERE" in said
        # Where there are errors already the database is not asked whether it has the name.
        assert (
            f"{life.config}:9: warning: router_settings.fallbacks: no model is named 'thrid'"
            in said
        )
        assert life.models() == ["first"]
        assert life.ask_model("first")[0] == 200
        assert life.ask_model("second")[0] == 404
        life.write("model_list: [")
        wire.soon(lambda: life.printed().count("the running configuration stays") == 2, seconds=3)
        life.config.unlink()
        wire.soon(lambda: life.printed().count("the running configuration stays") == 3, seconds=3)
        assert life.models() == ["first"]
        life.write(named(emulator, "third"))
        becomes(life, "third")


def test_a_call_keeps_the_configuration_it_came_in_with(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, named(emulator, "first")) as life:
        emulator.fault("stall-in-stream;after=3;seconds=2.5")
        with life.open_stream("first") as stream:
            life.write(named(emulator, "other"))
            life.signal(signal.SIGHUP)
            becomes(life, "other")
            assert life.ask_model("first")[0] == 404
            assert b"[DONE]" not in stream.received
            stream.until(b"data: [DONE]")
        _, headers, _ = wire.parsed(stream.received)
        row = wire.soon(lambda: receipt(life, headers["x-faregate-call-id"]))
        assert (row["requested_model"], row["outcome"]) == ("first", "completed")
        assert row["status"] == "priced"


def receipt(life: Life, call_id: str) -> dict[str, object] | None:
    status, found = life.get(f"/v1/receipts/{call_id}", **life.bearer)
    return found if status == 200 else None


def test_included_files_are_watched(emulator: Emulator, tmp_path: Path) -> None:
    part = tmp_path / "models.yaml"
    part.write_text(named(emulator, "first"))
    with lives.started(tmp_path, "include: [models.yaml]\n") as life:
        assert life.models() == ["first"]
        part.write_text(named(emulator, "first", "second"))
        becomes(life, "first", "second")
        part.write_text("model_list: 7\n")
        wire.soon(lambda: f"{part}:1: error: model_list" in life.printed(), seconds=3)
        assert life.models() == ["first", "second"]


def test_what_needs_a_restart_is_said(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, named(emulator, "first")) as life:
        life.write(
            named(
                emulator,
                "second",
                general={
                    "drain_timeout": 5,
                    "on_ledger_outage": "refuse",
                    "log": {"level": "error"},
                },
            )
        )
        becomes(life, "second")
        wire.soon(lambda: "in force after a restart" in life.printed())
        assert "drain_timeout" in life.printed()
        assert "on_ledger_outage" in life.printed()


def test_what_follows_when_counters_are_away_is_taken(emulator: Emulator, tmp_path: Path) -> None:
    def told(outage: str) -> str:
        return named(
            emulator,
            "first",
            router={"redis_url": "redis://127.0.0.1:1/0"},
            litellm_settings={"max_budget": 10},
            general={"on_counters_outage": outage},
        )

    with lives.started(tmp_path, told("refuse")) as life:
        assert life.ask_model("first")[0] == 503
        life.write(told("serve"))
        wire.soon(lambda: life.ask_model("first")[0] == 200)
        life.write(told("refuse"))
        wire.soon(lambda: life.ask_model("first")[0] == 503)


def test_what_was_learnt_about_a_deployment_stays(emulator: Emulator, tmp_path: Path) -> None:
    two = [
        entry("pair", f"model_router/{x}-router", emulator.url, id=x) for x in ("first", "second")
    ]
    rules = {"allowed_fails": 0, "cooldown_time": 30, "num_retries": 1}
    with lives.started(tmp_path, lives.config(*two, router=rules)) as life:
        emulator.fault("503")
        assert life.ask_model("pair")[0] == 200
        life.write(lives.config(*two, entry("new", "gpt-4.1-nano", emulator.url), router=rules))
        becomes(life, "pair", "new")
        _, health = life.get("/health", **life.bearer)
        assert [each["state"] for each in health["unhealthy_endpoints"]] == ["cooling"]
        began = time.monotonic()
        assert all(life.ask_model("pair")[2]["x-faregate-attempts"] == "1" for _ in range(6))
        assert lives.waited(began) < 20


@pytest.mark.parametrize("text", ["", "model_list: []\n"])
def test_an_emptied_file(emulator: Emulator, tmp_path: Path, text: str) -> None:
    """An empty file is a mistake; a list without models is somebody's wish."""
    with lives.started(tmp_path, named(emulator, "first")) as life:
        life.write(text)
        if text:
            becomes(life)
        else:
            wire.soon(lambda: "is empty" in life.printed(), seconds=3)
            assert life.models() == ["first"]
