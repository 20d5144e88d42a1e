"""How good a model is: scores on labelled photographs, by the data sets' official rules."""

from easyseg.evaluation.measuring import Evaluation, evaluate, score

__all__ = ["Evaluation", "evaluate", "score"]
