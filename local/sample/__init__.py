"""The sample dealer group: an invented DMS of any size, the same every time for the same parameters."""

from local.sample.amendments import Amendments, PlantedDifference, amend, planted_differences, unsent_day
from local.sample.french.truth import FrenchTruth, Planted, PointTruth, french_truth
from local.sample.load import SampleReport, fill, filled
from local.sample.parameters import Parameters, SampleError

__all__ = [
    "Amendments",
    "FrenchTruth",
    "Parameters",
    "Planted",
    "PlantedDifference",
    "PointTruth",
    "SampleError",
    "SampleReport",
    "amend",
    "fill",
    "filled",
    "french_truth",
    "planted_differences",
    "unsent_day",
]
