"""LangChain's ChatOpenAI: what it makes of an answer, a stream, a tool and a schema."""

import json
import sys

from langchain_openai import AzureChatOpenAI, ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class Flight(BaseModel):
    """A flight to book."""

    city: str
    passengers: int


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"Sunny in {city}"


url, key = sys.argv[1:]
model = ChatOpenAI(
    model="azure-model-router", base_url=f"{url}/v1", api_key=key, stream_usage=True, max_retries=0
)
answer = model.invoke("Say hello")
pieces = list(model.stream("Say good morning"))
whole = pieces[0]
for piece in pieces[1:]:
    whole += piece
called = model.bind_tools([get_weather]).invoke("What is the weather in Paris?")
flight = model.with_structured_output(Flight).invoke("Three people fly to Oslo")
azure = AzureChatOpenAI(
    azure_deployment="nano", azure_endpoint=url, api_key=key, api_version="2024-10-21"
).invoke("Say hello")
vectors = OpenAIEmbeddings(
    model="text-embedding-3-small",
    base_url=f"{url}/v1",
    api_key=key,
    check_embedding_ctx_length=False,
).embed_documents(["one", "two"])
print(
    json.dumps(
        {
            "text": answer.content,
            "model": answer.response_metadata["model_name"],
            "cost": answer.response_metadata["token_usage"]["cost"],
            "cost_details": answer.response_metadata["token_usage"]["cost_details"],
            "tokens": answer.usage_metadata,
            "streamed": whole.content,
            "streamed_tokens": whole.usage_metadata,
            "tool": called.tool_calls[0]["name"],
            "flight": isinstance(flight, Flight),
            "azure": azure.content,
            "vectors": [len(vector) for vector in vectors],
        }
    )
)
