"""What the DLP library finds and what it costs, against other scanners on the same bytes."""
