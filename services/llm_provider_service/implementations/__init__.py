"""The classes behind the Protocols of the platform, and no others."""
