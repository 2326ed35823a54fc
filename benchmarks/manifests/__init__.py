"""What reading manifests costs."""
