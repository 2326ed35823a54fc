"""An independent model of what providers send: picks the truth first, then renders it.

Nothing here imports the meter: shapes come from the providers' documented formats.
"""
