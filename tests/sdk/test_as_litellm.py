"""Code written for LiteLLM, as it stands."""

import subprocess
import sys
from typing import Any

import faregate
from tests.sdk.conftest import Post

LITELLM_CODE = """
import faregate
{how}
import litellm
from litellm import acompletion, completion, completion_cost
from litellm.exceptions import AuthenticationError, ContextWindowExceededError
from litellm.types.utils import Choices, Message, Usage
from litellm.utils import ModelResponse, token_counter

litellm.drop_params = True
litellm.num_retries = 1
litellm.set_verbose = False

messages = [{{"role": "user", "content": "Hello!"}}]
model = "azure_ai/model_router/azure-model-router"
kwargs = dict(model=model, api_base={base!r}, messages=messages)
response = completion(api_key="emulator-key", **kwargs)
assert isinstance(response, ModelResponse)
assert isinstance(response.choices[0], Choices)
assert isinstance(response.choices[0].message, Message)
assert isinstance(response.usage, Usage)
assert response["choices"][0]["message"]["content"] == response.choices[0].message.content
assert response._hidden_params["response_cost"] == completion_cost(completion_response=response) > 0
text = ""
for part in completion(api_key="emulator-key", stream=True, **kwargs):
    text += part.choices[0].delta.content or ""
assert text == response.choices[0].message.content
try:
    completion(api_key="wrong", **kwargs)
except litellm.AuthenticationError as error:
    assert error.status_code == 401
else:
    raise SystemExit("a wrong key was accepted")
print("ran", response.model)
"""


def test_import_as_litellm_runs_the_code_people_have(emulator_url: str) -> None:
    code = LITELLM_CODE.format(
        how="faregate.install_as_litellm()", base=f"{emulator_url}/openai/v1"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("ran azure_ai/")


def test_process_wide_settings_are_plain_attributes(own: dict[str, Any], post: Post) -> None:
    import faregate as litellm

    post("faults", fault="429;retry-after-ms=1", times=3)
    del own["num_retries"]
    vars(litellm)["num_retries"] = 3
    try:
        assert litellm.completion(**own).receipt is not None
    finally:
        del vars(litellm)["num_retries"]


def test_every_public_name_is_there() -> None:
    for name in faregate.__all__:
        assert getattr(faregate, name) is not None
    assert set(faregate.__all__) <= set(dir(faregate))
