"""Runs in a virtual environment of its own: the vendors' SDKs against a world, one JSON line each.

Not a test module. Its arguments are the world's plain URL; its lines are ``[name, usage]``, the
usage being what the SDK's own types hold, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import anthropic  # type: ignore[import-not-found,unused-ignore]
import boto3  # type: ignore[import-not-found,import-untyped,unused-ignore]
import ollama  # type: ignore[import-not-found,unused-ignore]
import openai  # type: ignore[import-not-found,unused-ignore]
from google import genai  # type: ignore[import-not-found,attr-defined,unused-ignore]

TURN = [{"role": "user", "content": "x"}]
BEDROCK_TURN = [{"role": "user", "content": [{"text": "x"}]}]


def claude(url: str) -> Iterator[tuple[str, Any]]:
    """Messages."""
    client = anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)
    ask = {"model": "claude-opus-5-5", "max_tokens": 10, "messages": TURN}
    yield "messages", client.messages.create(**ask).usage.to_dict()
    with client.messages.stream(**ask) as stream:
        yield "messages", stream.get_final_message().usage.to_dict()
    batch = client.messages.batches.create(requests=[{"custom_id": "a", "params": ask}])
    for line in client.messages.batches.results(batch.id):
        yield "messages", line.result.message.usage.to_dict()
    counted = client.messages.count_tokens(model="m", messages=TURN)
    yield "input", counted.input_tokens


def codex(url: str) -> Iterator[tuple[str, Any]]:
    """Chat and Responses, over HTTP and over a WebSocket."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
    chat = client.chat.completions
    yield "chat", chat.create(model="g", messages=TURN).usage.to_dict()
    told = {"include_usage": True}
    chunks = list(chat.create(model="g", messages=TURN, stream=True, stream_options=told))
    yield "chat", chunks[-1].usage.to_dict()
    yield "responses", client.responses.create(model="g", input="x").usage.to_dict()
    with client.responses.stream(model="g", input="x") as stream:
        yield "responses", stream.get_final_response().usage.to_dict()
    late = client.responses.create(model="g", input="x", background=True)
    client.responses.retrieve(late.id)
    yield "responses", client.responses.retrieve(late.id).usage.to_dict()
    yield "responses", client.responses.compact(model="g", input="x").usage.to_dict()
    yield "input", client.responses.input_tokens.count(model="g", input="x").input_tokens
    with client.responses.connect() as socket:
        socket.response.create(model="g", input="x")
        done = next(event for event in socket if event.type == "response.completed")
        yield "responses", done.response.usage.to_dict()


def gemini(url: str) -> Iterator[tuple[str, Any]]:
    """Gemini."""
    client = genai.Client(api_key="k", http_options={"base_url": url})
    ask = {"model": "gemini-2.5-flash", "contents": "x"}
    whole = client.models.generate_content(**ask).usage_metadata
    yield "gemini", whole.model_dump(by_alias=True, exclude_none=True)
    last = list(client.models.generate_content_stream(**ask))[-1].usage_metadata
    yield "gemini", last.model_dump(by_alias=True, exclude_none=True)
    yield "input", client.models.count_tokens(**ask).total_tokens
    ask = {"model": "gemini-2.5-flash", "input": "x"}
    yield "interactions", client.interactions.create(**ask).usage.model_dump(mode="json")
    events = list(client.interactions.create(**ask, stream=True))
    yield "interactions", events[-1].interaction.usage.model_dump(mode="json")


def bedrock(url: str) -> Iterator[tuple[str, Any]]:
    """Bedrock."""
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    ask = {"modelId": "us.anthropic.claude", "messages": BEDROCK_TURN}
    yield "converse", client.converse(**ask)["usage"]
    yield "converse", list(client.converse_stream(**ask)["stream"])[-1]["metadata"]["usage"]
    raw = client.invoke_model_with_response_stream(modelId="m", body=b"{}")
    yield "invoke", [json.loads(event["chunk"]["bytes"]) for event in raw["body"]]
    counted = client.count_tokens(modelId="m", input={"converse": {"messages": BEDROCK_TURN}})
    yield "input", counted["inputTokens"]


def local(url: str) -> Iterator[tuple[str, Any]]:
    """Ollama."""
    client = ollama.Client(host=url)
    yield "ollama", client.chat(model="l", messages=TURN).model_dump()
    yield "ollama", list(client.generate(model="l", prompt="x", stream=True))[-1].model_dump()


PROBES: tuple[Callable[[str], Iterator[tuple[str, Any]]], ...] = (
    claude,
    codex,
    gemini,
    bedrock,
    local,
)

if __name__ == "__main__":
    for probe in PROBES:
        for name, usage in probe(sys.argv[1]):
            print(json.dumps([probe.__name__, name, usage], default=str), flush=True)
