"""What starts a manifest by itself, as the text that each kind of machine reads."""

from runner.starts.start import Start, Text

__all__ = ["Start", "Text"]
