"""The door to OpenAI's models and to servers that speak its protocol (extra ``openai``)."""

from stepwell.llms._openai import OpenAI

__all__ = ["OpenAI"]
