"""Inside what a run learned, place by place: its matrices and its spectrum, asked of a run here or recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from core.config import METHODS
from core.experiments.ranks import full_config
from core.inspect.results import Matrices, Merged, Spectrum
from core.recorded import RecordedRun
from core.recorded.answers import all_recorded
from core.runs.messages import LookAtMatrices, LookAtSpectrum, Merge
from core.runs.store import Run
from pages.lessons.lora.matrices import (
    matrices_figure,
    merge_table,
    spectrum_figure,
    spectrum_finding,
)
from pages.shared.engine import ask_once, model_shape, store
from pages.shared.one_of import one_of
from pages.shared.recordings import recorded_run

FULL = "full fine-tuning"
Place = tuple[int, str]
"""A layer and the role of a matrix in it."""


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What is recorded of the inside of a run."""

    matrices: Mapping[Place, Matrices]
    spectra: Mapping[Place, Spectrum]
    merged: Merged | None

    @property
    def layers(self) -> list[int]:
        return sorted({layer for layer, _ in self.spectra})

    @property
    def modules(self) -> list[str]:
        return list(dict.fromkeys(module for _, module in self.spectra))


@st.cache_resource(show_spinner=False, max_entries=16)
def recorded_inside(run_id: str) -> Inside:
    """Read what a recorded run was asked before its weights went."""
    matrices: dict[Place, Matrices] = {}
    spectra: dict[Place, Spectrum] = {}
    merged: Merged | None = None
    for request, answers in all_recorded(run_id):
        if isinstance(request, LookAtMatrices):
            matrices[request.layer, request.module] = answers[0]
        elif isinstance(request, LookAtSpectrum):
            spectra[request.layer, request.module] = answers[0]
        elif isinstance(request, Merge):
            merged = answers[0]
    return Inside(matrices=matrices, spectra=spectra, merged=merged)


def inside(run: Run, full_id: str) -> None:
    """The matrices and the spectrum of a run whose weights are here, at any place."""
    st.header("What was learned")
    method, n_layers = run.config.method, model_shape().layers
    left, right = st.columns(2)
    first = n_layers - method.last_layers if method.last_layers else 0
    layer = left.slider("Layer", first, n_layers - 1, n_layers - 1, key="lora_layer")
    with right:
        module = _choose_module(method.target_modules, key="lora_module")
    with st.spinner("Looking into the run"):
        found = ask_once(LookAtMatrices(run=run.id, layer=layer, module=module))
        asked = LookAtSpectrum(run=run.id, layer=layer, module=module)
        spectra = {METHODS[method.name].title: ask_once(asked)}
        if full_id and store().get(full_id).status == "finished":
            spectra[FULL] = ask_once(replace(asked, run=full_id))
    _show(layer, module, found, spectra)


def inside_recorded(recorded: RecordedRun) -> None:
    """The same of a recorded run, at the places that were looked at; nothing where there are none."""
    found = recorded_inside(recorded.run_id)
    if not found.spectra:
        return
    st.header("What was learned")
    left, right = st.columns(2)
    layer: int = left.select_slider(  # pyright: ignore[reportAssignmentType]
        "Layer", found.layers, found.layers[-1], key="lora_recorded_layer"
    )
    with right:
        module = _choose_module(found.modules, key="lora_recorded_module")
    title = METHODS[recorded.config.method.name].title
    spectra = {title: found.spectra[layer, module]}
    full = recorded_run(full_config(recorded.config))
    beside = recorded_inside(full.run_id).spectra.get((layer, module)) if full else None
    if beside:
        spectra[FULL] = beside
    _show(layer, module, found.matrices.get((layer, module)), spectra)
    st.caption(
        f"{recorded.where} The matrices are kept for the first and the last layer of a few ranks."
    )
    if found.merged:
        about_merging()
        show_merged(found.merged)


def about_merging() -> None:
    st.header("Merge it into the weights")
    st.markdown(
        "W + (α/r)·BA has the shape of W, so the merged model is as fast as the base. Does subtracting "
        "bring W back?"
    )


def show_merged(found: Merged) -> None:
    st.dataframe(merge_table(found), hide_index=True, width="stretch")
    st.markdown(found.words)


def _choose_module(modules: Sequence[str], *, key: str) -> str:
    return one_of(st.segmented_control, "Matrix", modules, default=modules[0], key=key)


def _show(
    layer: int, module: str, matrices: Matrices | None, spectra: Mapping[str, Spectrum]
) -> None:
    if matrices:
        rank = matrices.rank
        st.markdown(
            f"**{module} of layer {layer}: {rank} columns times {rank} rows make a whole matrix**"
        )
        st.plotly_chart(matrices_figure(matrices), width="stretch", key="lora_matrices")
        st.caption(
            "Blue is positive, red is negative, white is zero. Large matrices are drawn in blocks; each block shows "
            "its largest entry."
        )
    st.markdown(f"**{spectrum_finding(spectra)}**")
    st.plotly_chart(spectrum_figure(spectra), width="stretch", key="lora_spectrum")
    st.caption(
        "The change that LoRA makes has at most r singular values above zero; that of full fine-tuning may have "
        "as many as the matrix has rows. Dotted, as a control: a random matrix of the same shape, norm and "
        "rank. Effective rank: exp of the entropy of the squared values’ shares (after Roy & Vetterli 2007)."
    )
