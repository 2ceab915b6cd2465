"""Programs written for LlamaIndex, unchanged: its module names lead to stepwell's own classes.

``python -m stepwell.compat SCRIPT`` runs a program so, and ``install()`` does it from inside. Importing this changes
nothing.
"""

from stepwell.compat._install import install, installed, uninstall
from stepwell.compat._table import Part

__all__ = ["Part", "install", "installed", "uninstall"]
