"""RunConfig: everything that decides what a training run does, as frozen, validated, hashable data.

A run is reproducible from its RunConfig alone. Pages, URL parameters and the command line all build
one through `RunConfig.from_dict` (or the constructors), so bad values are refused here, once, with a
sentence a student understands.
"""

from core.config.checks import check_choice, check_number, check_type
from core.config.data import ORDERS, DataConfig
from core.config.evaluation import EvaluationConfig
from core.config.method import (
    LEARNING_RATES,
    LLAMA_NAMES,
    LORA_FAMILY,
    METHODS,
    PROMPT_STARTS,
    ROLES,
    SOFT_PROMPTS,
    MethodConfig,
    default_learning_rate,
)
from core.config.run import DTYPES, SETTINGS, RunConfig
from core.config.training import (
    EARLIER,
    REGULARIZERS,
    SCHEDULES,
    MitigationConfig,
    OptimizerConfig,
)

__all__ = [
    "DTYPES",
    "EARLIER",
    "LEARNING_RATES",
    "LLAMA_NAMES",
    "LORA_FAMILY",
    "METHODS",
    "ORDERS",
    "PROMPT_STARTS",
    "REGULARIZERS",
    "ROLES",
    "SCHEDULES",
    "SETTINGS",
    "SOFT_PROMPTS",
    "DataConfig",
    "EvaluationConfig",
    "MethodConfig",
    "MitigationConfig",
    "OptimizerConfig",
    "RunConfig",
    "check_choice",
    "check_number",
    "check_type",
    "default_learning_rate",
]
