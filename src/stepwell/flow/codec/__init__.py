"""Values to data and back: what a state or an event holds, without loss, or an error that says where."""

from stepwell.flow._codec_reach import reachable_classes
from stepwell.flow._codec_serializers import BaseSerializer, JsonSerializer, PickleSerializer

__all__ = [
    "BaseSerializer",
    "JsonSerializer",
    "PickleSerializer",
    "reachable_classes",
]
