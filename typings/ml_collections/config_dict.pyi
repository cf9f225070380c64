from typing import Any

from ml_collections import ConfigDict as ConfigDict
from ml_collections import FrozenConfigDict as FrozenConfigDict

def placeholder(field_type: type, required: bool = False) -> Any: ...
