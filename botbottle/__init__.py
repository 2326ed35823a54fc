"""botbottle: run coding agents as if each might be compromised, and lose nothing when it is."""

__version__ = "0.1.0"
