"""What a trained model knows: missing links, probabilities, true or false, neighbours. Start at `LinkPredictor`."""

from kgtuner.prediction.answers import (
    KNOWN,
    Known,
    Neighbour,
    Prediction,
    Question,
    RelationPrediction,
    Triple,
    Verdict,
)
from kgtuner.prediction.calibration import Calibration
from kgtuner.prediction.classification import ClassificationMetrics
from kgtuner.prediction.predictor import LinkPredictor
from kgtuner.prediction.reliability import Reliability

__all__ = [
    "KNOWN",
    "Calibration",
    "ClassificationMetrics",
    "Known",
    "LinkPredictor",
    "Neighbour",
    "Prediction",
    "Question",
    "RelationPrediction",
    "Reliability",
    "Triple",
    "Verdict",
]
