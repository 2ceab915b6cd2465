"""The door to OpenAI's models and to servers that speak its protocol (extra ``openai``)."""

from stepwell.llms._openai import OpenAI
from stepwell.llms._openai_embeddings import OpenAIEmbedding

__all__ = ["OpenAI", "OpenAIEmbedding"]
