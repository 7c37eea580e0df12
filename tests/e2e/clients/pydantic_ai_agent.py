"""pydantic-ai: an agent with a tool, one with a typed output, and a streamed run."""

import asyncio
import json
import sys

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Flight(BaseModel):
    """A flight to book."""

    city: str
    passengers: int


def get_weather(city: str) -> str:
    """The weather of a city."""
    asked.append(city)
    return f"Sunny in {city}"


asked: list[str] = []
url, key = sys.argv[1:]
provider = OpenAIProvider(base_url=f"{url}/v1", api_key=key)
model = OpenAIChatModel("azure-model-router", provider=provider)


async def main() -> None:
    """Run the three and print what came of them."""
    plain = await Agent(model).run("Say hello")
    typed = await Agent(model, output_type=Flight).run("Three people fly to Oslo")
    told = await Agent(model, tools=[get_weather]).run("What is the weather in Paris?")
    async with Agent(model).run_stream("Say good morning") as run:
        text = "".join([piece async for piece in run.stream_text(delta=True)])
        usage = run.usage
    print(
        json.dumps(
            {
                "text": plain.output,
                "model": plain.response.model_name,
                "typed": isinstance(typed.output, Flight),
                "told": told.output,
                "asked": asked,
                "streamed": text,
                "streamed_tokens": usage.output_tokens,
            }
        )
    )


asyncio.run(main())
