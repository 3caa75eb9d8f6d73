"""The sample dealer group: an invented DMS of any size, the same every time for the same parameters."""

from local.sample.load import SampleReport, fill, filled
from local.sample.parameters import Parameters, SampleError

__all__ = ["Parameters", "SampleError", "SampleReport", "fill", "filled"]
