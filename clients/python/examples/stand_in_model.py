"""A stand-in for a model of OpenAI's Agents SDK, so that the example runs without a key."""

from __future__ import annotations

from typing import Any

from agents import ModelResponse, Usage, set_tracing_disabled
from agents.models.interface import Model
from openai.types.responses import ResponseOutputMessage, ResponseOutputText
from stand_ins import answer

set_tracing_disabled(disabled=True)  # traces go to OpenAI, with a key


class StandInModel(Model):
    """Answers with the memories that it finds in its instructions."""

    async def get_response(self, system_instructions: str | None, *_: object, **__: object) -> ModelResponse:
        text = ResponseOutputText(type="output_text", text=answer(system_instructions or ""), annotations=[])
        said = ResponseOutputMessage(id="said", type="message", role="assistant", status="completed", content=[text])
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *_: object, **__: object) -> Any:  # noqa: ANN401  (never called)
        raise NotImplementedError
