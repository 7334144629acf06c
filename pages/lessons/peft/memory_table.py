"""Memory of each method: the bytes of the first step as measured, beside their formulas."""

from collections.abc import Sequence

import pandas as pd

from core.experiments.method_rows import MethodSetting
from core.formulas.memory import in_this_app
from core.shape import ModelShape
from pages.lessons.peft.side_by_side import MB


def memory_table(found: Sequence[MethodSetting], shape: ModelShape) -> pd.DataFrame:
    """Per setting the MB of the first step, by formula and as measured in its first run."""
    rows: list[dict[str, str | float]] = []
    for s in found:
        memory = s.rows[0].memory
        formula = in_this_app(
            s.rows[0].method, shape, n_tokens=memory.n_tokens, is_16_bit=_is_16_bit(s, found)
        )
        whose = "recorded" if s.is_recorded else "yours"
        row: dict[str, str | float] = {"method": s.title, "run": whose, "tokens": memory.n_tokens}
        names = {"gradients": "gradient", "optimizer": "optimizer", "activations": "activation"}
        for part, name in names.items():
            row[f"{part}, formula"] = formula[part] / MB
            row[f"{part}, measured"] = getattr(memory, f"{name}_bytes") / MB
        rows.append(row)
    return pd.DataFrame(rows)


def memory_shown(table: pd.DataFrame) -> pd.DataFrame:
    """Formula and measurement of each part in one cell, so that the table fits a page."""
    shown = pd.DataFrame(table, columns=["method", "run", "tokens"])
    for part in ("gradients", "optimizer", "activations"):
        pairs = zip(table[f"{part}, formula"], table[f"{part}, measured"], strict=True)
        shown[part] = [f"{formula:,.2f} → {measured:,.2f}" for formula, measured in pairs]
    return shown


def _is_16_bit(setting: MethodSetting, found: Sequence[MethodSetting]) -> bool:
    """By the bytes of a frozen number; where none is frozen, as the other runs of the same machine."""
    same = [s for s in found if s.is_recorded == setting.is_recorded]
    for row in (row for s in (setting, *same) for row in s.rows):
        if frozen := row.memory.frozen_bytes:
            return frozen < 3 * (row.n_total - row.n_trained)
    return True


def memory_finding(table: pd.DataFrame) -> str:
    """How far the measured bytes are from the formulas."""
    exact = max(
        ((table[f"{part}, measured"] / table[f"{part}, formula"]) - 1).abs().max()
        for part in ("gradients", "optimizer")
    )
    ratio = table["activations, measured"] / table["activations, formula"]
    return (
        f"Gradients and optimizer state: measured within {100 * max(exact, 0.001):.1f} % of the formula. "
        f"Activations: {ratio.min():.1f} to {ratio.max():.1f} times the formula"
    )
