"""Changes of a conversation that must not change how a judge rules on it. Pure: a conversation in, one out."""

from assay.evaluation.judges.probes.attacks import ATTACKS, Attack
from assay.evaluation.judges.probes.changes import CHANGES, Probed, probe
from assay.evaluation.judges.probes.outcome import ProbeTrial, attack_results, probe_results

__all__ = ["ATTACKS", "CHANGES", "Attack", "ProbeTrial", "Probed", "attack_results", "probe", "probe_results"]
