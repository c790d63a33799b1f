"""The classes behind the platform's Protocols (`protocols.py`), and no others."""
