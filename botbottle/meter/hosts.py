"""Which hosts serve models, and whose budget they spend.

Patterns are matched label by label: a leading ``*`` in a label stands for one or more characters
of that label. The list is what ``bb plan`` compares routes with, so that a route to a model
provider that nothing meters is flagged; it is not an allow list.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

CLAUDE, CODEX, GEMINI = "claude", "codex", "gemini"
BEDROCK, AZURE, OPENROUTER, OLLAMA = "bedrock", "azure", "openrouter", "ollama"

# Hosts whose wire format this package knows by heart: pattern -> budget key.
METERED_HOSTS: Mapping[str, str] = {
    "api.anthropic.com": CLAUDE,
    "claude.googleapis.com": CLAUDE,
    "aws-external-anthropic.*.api.aws": CLAUDE,
    "api.openai.com": CODEX,
    "*.api.openai.com": CODEX,  # regional: us., eu., ...
    "chatgpt.com": CODEX,
    "chat.openai.com": CODEX,
    "generativelanguage.googleapis.com": GEMINI,
    "aiplatform.googleapis.com": GEMINI,
    "aiplatform.*.rep.googleapis.com": GEMINI,
    "*-aiplatform.googleapis.com": GEMINI,
    "generativelanguage.mtls.googleapis.com": GEMINI,
    "aiplatform.mtls.googleapis.com": GEMINI,
    "*-aiplatform.mtls.googleapis.com": GEMINI,
    "firebasevertexai.googleapis.com": GEMINI,
    "cloudcode-pa.googleapis.com": GEMINI,
    "*-cloudcode-pa.googleapis.com": GEMINI,
    "bedrock-runtime.*.amazonaws.com": BEDROCK,
    "bedrock-runtime-fips.*.amazonaws.com": BEDROCK,
    "bedrock-runtime.*.amazonaws.com.cn": BEDROCK,
    "bedrock-runtime.*.api.aws": BEDROCK,
    "bedrock-mantle.*.api.aws": BEDROCK,
    "*.bedrock-runtime.*.vpce.amazonaws.com": BEDROCK,
    "bedrock.*.amazonaws.com": BEDROCK,  # sets off batches
    "*.openai.azure.com": AZURE,
    "*.openai.azure.us": AZURE,
    "*.openai.azure.cn": AZURE,
    "*.services.ai.azure.com": AZURE,
    "*.cognitiveservices.azure.com": AZURE,
    "openrouter.ai": OPENROUTER,
    "*.openrouter.ai": OPENROUTER,  # regional: eu., us.
    "ollama.com": OLLAMA,
}

# Hosts that serve models and are metered only when settings declare them
# (``providers.<name>.hosts``); reaching one undeclared is an unmetered spend.
UNMETERED_HOSTS: Mapping[str, str] = {
    "claude.ai": "Claude.ai",
    "gemini.google.com": "Gemini",
    "bedrock-agent-runtime.*.amazonaws.com": "Bedrock Agents",
    "bedrock-agentcore.*.amazonaws.com": "Bedrock AgentCore",
    "runtime.sagemaker.*.amazonaws.com": "SageMaker",
    "*.*.inference.ml.azure.com": "Azure ML",
    "*.*.models.ai.azure.com": "Azure serverless models",
    "api.x.ai": "xAI",
    "*.api.x.ai": "xAI",
    "api.mistral.ai": "Mistral",
    "codestral.mistral.ai": "Mistral",
    "api.groq.com": "Groq",
    "api.deepseek.com": "DeepSeek",
    "api.cohere.com": "Cohere",
    "api.cohere.ai": "Cohere",
    "api.perplexity.ai": "Perplexity",
    "api.together.xyz": "Together",
    "api.together.ai": "Together",
    "api.fireworks.ai": "Fireworks",
    "api.cerebras.ai": "Cerebras",
    "api.sambanova.ai": "SambaNova",
    "api.deepinfra.com": "DeepInfra",
    "api.novita.ai": "Novita",
    "api.hyperbolic.xyz": "Hyperbolic",
    "api.replicate.com": "Replicate",
    "router.huggingface.co": "Hugging Face",
    "api-inference.huggingface.co": "Hugging Face",
    "*.endpoints.huggingface.cloud": "Hugging Face",
    "integrate.api.nvidia.com": "NVIDIA NIM",
    "models.github.ai": "GitHub Models",
    "models.inference.ai.azure.com": "GitHub Models",
    "api.githubcopilot.com": "GitHub Copilot",
    "*.githubcopilot.com": "GitHub Copilot",
    "api.*.githubcopilot.com": "GitHub Copilot",
    "inference.baseten.co": "Baseten",
    "api.studio.nebius.com": "Nebius",
    "api.scaleway.ai": "Scaleway",
    "inference.do-ai.run": "DigitalOcean",
    "api.lambda.ai": "Lambda",
    "api.moonshot.ai": "Moonshot",
    "api.moonshot.cn": "Moonshot",
    "api.z.ai": "Z.ai",
    "open.bigmodel.cn": "Zhipu",
    "dashscope.aliyuncs.com": "Alibaba",
    "dashscope-intl.aliyuncs.com": "Alibaba",
    "api.minimax.io": "MiniMax",
    "api.minimaxi.com": "MiniMax",
    "ark.*.volces.com": "Volcengine",
    "api.siliconflow.cn": "SiliconFlow",
    "api.siliconflow.com": "SiliconFlow",
    "api.ai21.com": "AI21",
    "api.voyageai.com": "Voyage",
    "api.jina.ai": "Jina",
    "ai-gateway.vercel.sh": "Vercel AI Gateway",
    "gateway.ai.cloudflare.com": "Cloudflare AI Gateway",
    "api.portkey.ai": "Portkey",
    "api.llm7.io": "LLM7",
    "opencode.ai": "OpenCode Zen",
    "inference-api.nousresearch.com": "Nous",
    "*.ml.cloud.ibm.com": "watsonx",
    "serving.*.cloud.databricks.com": "Databricks",
    "api2.cursor.sh": "Cursor",
    "server.codeium.com": "Windsurf",
    "ampcode.com": "Amp",
    "bedrock-agent.*.amazonaws.com": "Bedrock Agents",
    "q.*.amazonaws.com": "Amazon Q",
    "inference.generativeai.*.oci.oraclecloud.com": "Oracle",
    "copilot-proxy.githubusercontent.com": "GitHub Copilot",
    "api.cloudflare.com": "Cloudflare Workers AI",
    "api.kimi.com": "Moonshot",
    "api.tokenfactory.nebius.com": "Nebius",
    "llm.chutes.ai": "Chutes",
    "api.venice.ai": "Venice",
    "api.poe.com": "Poe",
    "api.upstage.ai": "Upstage",
    "api.writer.com": "Writer",
    "api.inceptionlabs.ai": "Inception",
}


def canonical_host(host: str) -> str:
    """Lower case, no port, no trailing dot; an IPv6 literal keeps its brackets."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".")


def _label_matches(pattern: str, label: str) -> bool:
    if pattern.startswith("*"):
        return len(label) > len(pattern) - 1 and label.endswith(pattern[1:])
    return pattern == label


def host_matches(pattern: str, host: str) -> bool:
    """True when every label of ``host`` matches the pattern's label at the same place."""
    wanted, labels = pattern.split("."), host.split(".")
    return len(wanted) == len(labels) and all(map(_label_matches, wanted, labels))


def _lookup(table: Mapping[str, str], host: str) -> str | None:
    if host in table:
        return table[host]
    return next((v for p, v in table.items() if "*" in p and host_matches(p, host)), None)


def provider_of(host: str, declared: Mapping[str, str]) -> str | None:
    """Budget key of a host: a declared one first, then the hosts known by heart, else None."""
    host = canonical_host(host)
    return _lookup(declared, host) or _by_heart(host)


@lru_cache(maxsize=1024)
def _by_heart(host: str) -> str | None:
    return _lookup(METERED_HOSTS, host)


def _covered(wildcard: str, pattern: str) -> bool:
    """True when a route ``*.suffix`` can reach a host of ``pattern``."""
    suffix, labels = wildcard.split(".")[1:], pattern.split(".")
    tail = labels[len(labels) - len(suffix) :]
    return len(labels) > len(suffix) and all(map(_label_matches, tail, suffix))


def _find(table: Mapping[str, str], host: str) -> str | None:
    if host.startswith("*."):
        return next((name for p, name in table.items() if _covered(host, p)), None)
    return _lookup(table, host)


def unmetered_llm_host(host: str, declared: Mapping[str, str]) -> str | None:
    """Name of a model provider that a route to ``host`` (or ``*.suffix``) reaches unmetered.

    None when the host serves no known models, or when every such host is metered: by heart, or
    because settings declare it. A wildcard that reaches both kinds is flagged.
    """
    host = canonical_host(host)
    if host.startswith("*."):
        open_hosts = {p: name for p, name in UNMETERED_HOSTS.items() if not _lookup(declared, p)}
        return _find(open_hosts, host)
    return None if provider_of(host, declared) else _find(UNMETERED_HOSTS, host)
