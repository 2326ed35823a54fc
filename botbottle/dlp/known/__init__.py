"""Finding the values this sidecar holds, in whatever dress they leave."""
