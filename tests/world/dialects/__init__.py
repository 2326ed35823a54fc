"""Wire formats, one file each. All pure: a ``Call`` in, a ``Reply`` of frames out."""
