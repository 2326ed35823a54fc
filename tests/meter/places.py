"""Where requests to model providers go: host and path."""

from __future__ import annotations

CLAUDE = ("api.anthropic.com", "/v1/messages")
CHAT = ("api.openai.com", "/v1/chat/completions")
RESPONSES = ("api.openai.com", "/v1/responses")
GEMINI = ("generativelanguage.googleapis.com", "/v1beta/models/gemini-z:generateContent")
CONVERSE = ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/converse")
Place = tuple[str, str]
