"""Stage: qat. Fine-tuning with the int8 rounding in the network, towards the float network, and the file that it ends in."""

from __future__ import annotations

from edge_effnet.qat.request import QatRequest
from edge_effnet.qat.run import QatResult, train_quantized
from edge_effnet.qat.settings import QatSettings, Rates, settings_from

__all__ = ["QatRequest", "QatResult", "QatSettings", "Rates", "settings_from", "train_quantized"]
