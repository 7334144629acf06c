"""RunConfig: everything that decides what a training run does, as frozen, validated, hashable data.

A run is reproducible from its RunConfig alone. Pages, URL parameters and the command line all build
one through `RunConfig.from_dict` (or the constructors), so bad values are refused here, once, with a
sentence a student understands.
"""

from core.checks import check_choice, check_number, check_type
from core.config.data import ORDERS, DataConfig
from core.config.evaluation import FINAL_EXAMPLES, LIVE_EXAMPLES, EvaluationConfig
from core.config.method import PROMPT_STARTS, MethodConfig, default_learning_rate
from core.config.run import DTYPES, SETTINGS, RunConfig
from core.config.specification import (
    FAMILIES,
    METHODS,
    MethodSpec,
    as_taught,
    low_rank_methods,
    method_title,
    of_family,
)
from core.config.training import (
    EARLIER,
    REGULARIZERS,
    SCHEDULES,
    MitigationConfig,
    OptimizerConfig,
)
from core.shape import LLAMA_NAMES, ROLES

__all__ = [
    "DTYPES",
    "EARLIER",
    "FAMILIES",
    "FINAL_EXAMPLES",
    "LIVE_EXAMPLES",
    "LLAMA_NAMES",
    "METHODS",
    "ORDERS",
    "PROMPT_STARTS",
    "REGULARIZERS",
    "ROLES",
    "SCHEDULES",
    "SETTINGS",
    "DataConfig",
    "EvaluationConfig",
    "MethodConfig",
    "MethodSpec",
    "MitigationConfig",
    "OptimizerConfig",
    "RunConfig",
    "as_taught",
    "check_choice",
    "check_number",
    "check_type",
    "default_learning_rate",
    "low_rank_methods",
    "method_title",
    "of_family",
]
