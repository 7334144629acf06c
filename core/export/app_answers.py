"""What the app itself answers with a run's model, and how close a second choice was. Needs torch."""

from collections.abc import Sequence

import torch

from core.export.prompts import Asked
from core.generate.batch import answer_greedily
from core.generate.stream import Decoder
from core.runs.compute_lock import ComputeLock
from core.runs.inference_session import InferenceSession
from core.runs.store import Run, RunStore


class AppAnswers:
    """A run's model, loaded as the app loads it. Computes by turns with the app's other processes."""

    def __init__(self, store: RunStore, run: Run) -> None:
        self.model, self.base = InferenceSession(store).model_for(run.config.model, run.id)
        self.lock = ComputeLock(n_threads=torch.get_num_threads())

    @property
    def dtype(self) -> str:
        return str(self.base.dtype).removeprefix("torch.")

    @property
    def end_ids(self) -> list[int]:
        return list(self.base.tokenizer.end_ids)

    def prompt_ids(self, prompt: str) -> list[int]:
        return self.base.tokenizer.ask(prompt)

    def answers(self, asked: Sequence[Asked]) -> list[str]:
        """Greedy answers, as a run's checks and its pages give them."""
        with self.lock.answering():
            found = answer_greedily(
                self.model,
                self.base,
                [self.prompt_ids(one.prompt) for one in asked],
                max_new_tokens=[one.max_new_tokens for one in asked],
                should_stop=self._wait,
            )
        return [answer.text for answer in found]

    def gap(self, prompt: str, ids: Sequence[int]) -> tuple[int, float]:
        """The first of the answer's tokens that the app would not have chosen, and by how many logits.

        `ids` are the tokens of another model's answer; (len(ids), 0.0) when the app chooses the same.
        """
        with self.lock.answering():
            decoder = Decoder(self.model, self.base)
            self._wait()
            logits = decoder(self.prompt_ids(prompt))
            for place, token in enumerate(ids):
                gap = float(logits.max() - logits[token])
                if gap > 0:
                    return place, gap
                self._wait()
                logits = decoder([token])
        return len(ids), 0.0

    def _wait(self) -> bool:
        self.lock.turn()
        return False
