"""Keys of AI providers. Most carry a prefix; the older ones need their vendor's name nearby."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

from botbottle.dlp.checks import mixed, mixed_case
from botbottle.dlp.rules.model import Context, Rule, context, token

_ANTHROPIC = "Anthropic console: keys are sk-ant-<kind><digits>-<opaque>, ending in AA"
_OPENAI = (
    "OpenAI platform: sk-<48> with the marker T3BlbkFJ (base64 of OpenAI), sk-proj-, sk-svcacct-"
)
_GOOGLE = "Google Cloud docs, API keys: AIza + 35 characters; newer keys start AQ."

RULES: tuple[Rule | Context, ...] = (
    token("anthropic.key", r"sk-ant-[a-z]{2,6}\d{2,4}-[\w\-]{60,140}", "sk-ant-", source=_ANTHROPIC, entropy=3.0),
    token("anthropic.short", r"sk-ant-[\w\-]{24,160}", "sk-ant-", source=_ANTHROPIC, entropy=3.6, check=mixed),
    token("openai.key", r"sk-(?:[a-zA-Z0-9\-]{2,12}-)?[\w\-]{16,80}T3BlbkFJ[\w\-]{16,80}", "t3blbkfj", source=_OPENAI),
    token("openai.project", r"sk-(?:proj|svcacct|admin|None|service)-[\w\-]{20,180}", "sk-", source=_OPENAI, entropy=3.5, check=mixed),
    token("openai.legacy", r"sk-[A-Za-z0-9]{32,64}", "sk-", source=_OPENAI + "; also DeepSeek, Moonshot, Stability AI", entropy=3.4, left=True, right=True, check=mixed),
    token("openai.client-secret", r"ek_[0-9a-f]{32}", "ek_", source="OpenAI API reference, Realtime client secrets: ek_ + 32 hex", entropy=2.8, left=True, right=True),
    token("openai.session", r"sess-[A-Za-z0-9]{40}", "sess-", source="OpenAI dashboard: session keys sess- + 40", entropy=3.6, left=True, right=True),
    token("google.api-key", r"AIza[\w\-]{35}", "aiza", source=_GOOGLE, entropy=3.0, left=True),
    token("google.gemini", r"AQ\.Ab8RN6[\w\-]{40,60}", "aq.ab8rn6", source=_GOOGLE),
    token("huggingface.user", r"(?:hf_|api_org_)[A-Za-z0-9]{30,40}", "hf_", "api_org_", source="Hugging Face docs, user access tokens: hf_ + 34 letters or digits; api_org_ for organisations", entropy=3.2, right=True, left=True),
    token("groq.key", r"gsk_[A-Za-z0-9]{48,56}", "gsk_", source="Groq console: gsk_ + 52", entropy=3.0),
    token("replicate.token", r"r8_[A-Za-z0-9_\-]{37}", "r8_", source="Replicate docs: r8_ + 37", entropy=3.2, left=True, right=True),
    token("perplexity.key", r"pplx-[A-Za-z0-9]{40,56}", "pplx-", source="Perplexity API docs: pplx- prefix", entropy=3.0),
    token("xai.key", r"xai-[\w\-]{70,90}", "xai-", source="xAI API docs: xai- + 80", entropy=3.5),
    token("openrouter.key", r"sk-or-v1-[0-9a-f]{64}", "sk-or-v1-", source="OpenRouter docs: sk-or-v1- + 64 hex"),
    token("together.key", r"tgp_v1_[\w\-]{40,46}", "tgp_v1_", source="Together AI docs: tgp_v1_ prefix"),
    token("minimax.key", r"sk-(?:api|cp)-[\w\-]{80,140}", "sk-api-", "sk-cp-", source="MiniMax platform: sk-api- prefix", entropy=3.5),
    token("elevenlabs.key", r"sk_[0-9a-f]{48}", "sk_", source="ElevenLabs docs: sk_ + 48 hex", entropy=3.0, right=True),
    token("nvidia.key", r"nvapi-[\w\-]{60,70}", "nvapi-", source="NVIDIA NGC docs: nvapi- prefix", entropy=3.0),
    token("cerebras.key", r"csk-[a-z0-9]{46,52}", "csk-", source="Cerebras Inference docs: csk- prefix", entropy=3.0),
    token("fireworks.key", r"fw_[A-Za-z0-9]{22,26}", "fw_", source="Fireworks AI docs: fw_ prefix", entropy=3.6, left=True, right=True, check=mixed_case),
    token("langsmith.key", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}", "lsv2_", source="LangSmith docs: lsv2_pt_/lsv2_sk_"),
    token("wandb.key-v1", r"wandb_v1_[A-Za-z0-9_]{60,90}", "wandb_v1_", source="Weights & Biases docs: wandb_v1_ keys"),
    token("tavily.key", r"tvly-(?:dev-|prod-)?[A-Za-z0-9\-]{28,48}", "tvly-", source="Tavily docs: tvly- prefix", entropy=3.2, check=mixed),
    token("pinecone.key", r"pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{50,70}", "pcsk_", source="Pinecone docs: pcsk_<id>_<secret>"),
    token("runpod.key", r"rpa_[A-Z0-9]{40,46}[A-Za-z0-9]{0,8}", "rpa_", source="RunPod docs: rpa_ prefix", entropy=3.2),
    token("cursor.key", r"key_[0-9a-f]{64}", "key_", source="Cursor docs: key_ + 64 hex", entropy=3.0),
    context("ollama.key", "ollama z[_-]?ai zhipu bigmodel glm", r"[0-9a-f]{32}\.[A-Za-z0-9_\-]{16,24}", source="Ollama cloud and Zhipu/Z.ai: an id of 32 hex, a dot, a secret of 24 or 16"),
    token("greptile.key", r"(?:gpt|grp)_[A-Za-z0-9]{40,60}", "gpt_", "grp_", source="Greptile docs", entropy=3.6, check=mixed_case, left=True),
    token("devin.key", r"apk_(?:user_)?[A-Za-z0-9+/]{80,240}", "apk_", source="Devin docs: apk_ keys carry base64", entropy=3.6),
    token("devin.service-user", r"cog_[a-z2-7]{52}", "cog_", source="Devin docs: cog_ + 52 base32", entropy=3.2),
    token("brave.search", r"BSA[A-Za-z0-9_\-]{26,30}", "bsa", source="Brave Search API: BSA prefix", entropy=3.6, left=True, right=True, check=mixed_case, apart=True),
    token("vercel.ai", r"vc[kpcri]_[A-Za-z0-9_\-]{52,60}", "vck_", "vcp_", "vcc_", "vcr_", "vci_", source="Vercel docs, token formats 2025: vck_, vcp_, vca_, vci_, vcr_", entropy=3.5),
    token("vercel.app", r"vca_[A-Za-z0-9_\-]{52,60}", "vca_", source="Vercel docs, token formats 2025", entropy=3.5),
    context("openai.context", "open[_-]?ai", r"[A-Za-z0-9_\-]{32,100}", source="OpenAI-compatible servers", entropy=3.6, check=mixed),
    context("cohere.key", "cohere CO_API_KEY", r"[A-Za-z0-9]{40}", source="Cohere docs: 40 letters or digits", entropy=3.6),
    context("mistral.key", "mistral", r"[A-Za-z0-9]{32}", source="Mistral console: 32 letters or digits", entropy=3.2),
    context("assemblyai.key", "assembly[_-]?ai deepseek datarobot", r"[a-z0-9]{32}", source="AssemblyAI dashboard: 32 characters"),
    context("deepgram.key", "deepgram wandb weights wakatime", r"[0-9a-f]{40}", source="Deepgram and W&B: 40 hex"),
    context("stability.key", "stability kimi moonshot deepseek minimax", r"sk-[A-Za-z0-9_\-]{30,60}", source="sk- keys of OpenAI-compatible vendors", entropy=3.2),
    context("upstage.key", "upstage lighton kagi greptile", r"[A-Za-z0-9_\-/.]{40,50}", source="Vendor dashboards: 40-50 characters", entropy=3.8, check=mixed),
    context("privateai.key", "private[_-]?ai", r"[a-z0-9]{32}", source="Private AI docs: 32 characters"),
)  # fmt: skip
