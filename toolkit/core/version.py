"""The version, said once; packaging and the package read it here."""

__version__ = "0.2.0"
