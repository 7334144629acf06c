"""One group of questions, read as one tree. Needs torch.

What hangs on a prompt is read with it: labels whose probability is wanted, and answers that are likely. Then
every other answer grows by a token at a time.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from transformers import DynamicCache

from core.answer import Answer
from core.data.lengths import check_length
from core.errors import Stopped
from core.generate.cache import spread
from core.generate.label_logs import Spelled, completion_ids, label_logs, spell
from core.generate.logits import float_logits, likeliest
from core.generate.questions import Question, Reply
from core.models.forward import run_layers, tree_logits, tree_outputs
from core.models.load import LoadedModel
from core.models.plain import own_logits, read_rows
from core.models.structure import backbone_and_head, is_plain
from core.models.trie import Trie
from core.models.virtual_tokens import n_virtual_tokens

WORTH_MOVING = 0.9
"""Ended answers are computed on, unheeded, until more than a tenth is: moving the others costs more."""


class Answerer:
    """Replies to groups of questions, each group's prompts read as one tree."""

    def __init__(
        self,
        model: nn.Module,
        base: LoadedModel,
        guesses: Sequence[Sequence[int]],
        should_stop: Callable[[], bool],
    ) -> None:
        self.base, self.guesses, self.should_stop = base, guesses, should_stop
        self.model, (_, self.head) = model.eval(), backbone_and_head(model)

    @torch.no_grad()
    def reply(self, group: Sequence[Question]) -> list[Reply]:
        """What is found of each of B questions."""
        self._check()
        trie = Trie()
        paths = [trie.insert(question.prompt) for question in group]
        spelled = [[self._spell(trie, q.prompt, label) for label in q.labels] for q in group]
        ends = [path[-1] for path, q in zip(paths, group, strict=True) if q.wants_next]
        if is_plain(self.model):
            logits_at = self._read_plainly(trie, spelled, ends)
            answers = self._answer_plainly(group)
            logs, after = label_logs(spelled, logits_at), logits_at(ends).float()
        else:
            hidden, cache = self._read(trie, group)
            answers = self._answer(trie, group, paths, hidden, cache)
            logs = label_logs(spelled, lambda nodes: float_logits(self.head, hidden[nodes]))
            after = float_logits(self.head, hidden[ends]) if ends else ()
        found = iter(after)
        return [
            Reply(
                answer=self._answer_of(ids) if question.limit else None,
                label_logs=of_labels,
                next_logits=next(found) if question.wants_next else None,
            )
            for question, ids, of_labels in zip(group, answers, logs, strict=True)
        ]

    def _spell(self, trie: Trie, prompt: Sequence[int], label: str) -> Spelled:
        completion = completion_ids(label, self.base.tokenizer)
        check_length(prompt, self.base.tokenizer, len(completion))
        return spell(trie, prompt, completion)

    def _answer_of(self, ids: list[int]) -> Answer:
        """The text without the end, and whether it has none."""
        was_cut = ids[-1] not in self.base.tokenizer.end_ids
        return Answer(self.base.tokenizer.decode(ids if was_cut else ids[:-1]).strip(), was_cut)

    def _read_plainly(
        self, trie: Trie, spelled: Sequence[Sequence[Spelled]], ends: Sequence[int]
    ) -> Callable[[list[int]], torch.Tensor]:
        """A plain model's (M, V) logits at any of the nodes where some are wanted, all computed here."""
        of_labels = (node for labels in spelled for one in labels for node in one.nodes)
        wanted = sorted({*of_labels, *ends})
        if not wanted:
            return lambda nodes: torch.empty(0)
        device = self.base.device
        tokens, depths, at = (
            torch.tensor(n, device=device) for n in (trie.tokens, trie.depths, wanted)
        )
        logits = tree_logits(self.model, tokens, depths, trie.parents, wanted=at)
        row = {node: i for i, node in enumerate(wanted)}
        return lambda nodes: logits[[row[node] for node in nodes]]

    def _answer_plainly(self, group: Sequence[Question]) -> list[list[int]]:
        """As `_answer`, in padded rows."""
        answers: list[list[int]] = [[] for _ in group]
        asked = [i for i, question in enumerate(group) if question.limit]
        if asked:
            prompts = [group[i].prompt for i in asked]
            cache, logits, is_text = read_rows(self.model, prompts, self.base.device)
            for i, token in zip(asked, logits.float().max(-1).indices.tolist(), strict=True):
                answers[i].append(token)
            limits = [question.limit for question in group]
            self._go_on(answers, limits, torch.tensor(asked), cache, is_text.cpu())
        return answers

    def _read(
        self, trie: Trie, group: Sequence[Question]
    ) -> tuple[torch.Tensor, DynamicCache | None]:
        """The tree with the guessed answers: its (N, H) outputs, and keys and values where answers grow."""
        for question in group:
            for guess in self.guesses if question.limit else ():
                trie.insert([*question.prompt, *guess[: min(len(guess), question.limit) - 1]])
        cache = DynamicCache() if any(question.limit for question in group) else None
        device = self.base.device
        tokens, depths = (torch.tensor(n, device=device) for n in (trie.tokens, trie.depths))
        return tree_outputs(self.model, tokens, depths, trie.parents, cache=cache), cache

    def _answer(
        self,
        trie: Trie,
        group: Sequence[Question],
        paths: list[list[int]],
        hidden: torch.Tensor,
        cache: DynamicCache | None,
    ) -> list[list[int]]:
        """The token ids of each answer that is wanted, with the end if it came within the limit.

        An answer follows the tree as long as its likeliest next token is there: it is read as a guess, as a
        label, or in another prompt that begins alike. The last token of its beginning is not read.
        """
        ends = self.base.tokenizer.end_ids
        limits = [question.limit for question in group]
        answers: list[list[int]] = [[] for _ in group]
        followed = [i for i, limit in enumerate(limits) if limit]
        while followed:
            chosen = likeliest(self.head, hidden[[paths[i][-1] for i in followed]]).tolist()
            rows, followed = followed, list[int]()
            for i, token in zip(rows, chosen, strict=True):
                answers[i].append(token)
                node = trie.child(paths[i][-1], token)
                if node is not None and token not in ends and len(answers[i]) < limits[i]:
                    paths[i].append(node)
                    followed.append(i)
        going = [
            i
            for i, ids in enumerate(answers)
            if ids and ids[-1] not in ends and len(ids) < limits[i]
        ]
        if going and cache is not None:
            rows, seen = self._rows([paths[i] for i in going])
            spread(cache, rows.to(self.base.device))
            self._go_on(answers, limits, torch.tensor(going), cache, seen)
        return answers

    def _rows(self, paths: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Each path's keys in a row of its own, padded (B, K), and (B, K) bool: which are its own."""
        lengths = torch.tensor([len(path) for path in paths])
        width = int(lengths.max())
        n_virtual = n_virtual_tokens(self.model)
        nodes = torch.tensor([[*path, *[0] * (width - len(path))] for path in paths]) + n_virtual
        virtual = torch.arange(n_virtual).expand(len(paths), -1)
        return torch.cat([virtual, nodes], dim=1), torch.arange(width) < lengths[:, None]

    def _go_on(
        self,
        answers: list[list[int]],
        limits: Sequence[int],
        row: torch.Tensor,
        cache: DynamicCache,
        seen: torch.Tensor,
    ) -> None:
        """Let the answers `row` (R,) grow, a token at a time, to their ends or limits.

        The cache holds their R rows of keys and values, of which `seen` (R, K) bool are no padding.
        """
        ends = torch.tensor(self.base.tokenizer.end_ids)
        chosen = torch.tensor([answers[i][-1] for i in row.tolist()])
        left = torch.tensor([limits[i] - len(answers[i]) for i in row.tolist()])
        place = seen.sum(dim=1)  # (R,) the next token's position
        goes = ~torch.isin(chosen, ends) & (left > 0)
        while len(going := goes.nonzero()[:, 0]):
            if len(going) < WORTH_MOVING * len(row):
                cache.batch_select_indices(going)
                row, left, chosen, goes = row[going], left[going], chosen[going], goes[going]
                seen, place = seen[going], place[going]
            seen = torch.cat([seen, torch.ones(len(row), 1, dtype=torch.bool)], dim=1)
            chosen, place = self._next(chosen, place, seen, cache), place + 1
            for i, token, is_going in zip(*(t.tolist() for t in (row, chosen, goes)), strict=True):
                if is_going:
                    answers[i].append(token)
            left = left - 1
            goes = goes & ~torch.isin(chosen, ends) & (left > 0)

    def _next(
        self,
        tokens: torch.Tensor,
        position_ids: torch.Tensor,
        seen: torch.Tensor,
        cache: DynamicCache,
    ) -> torch.Tensor:
        """(B,) the tokens that follow tokens (B,) at positions (B,), which attend to (B, K) of all."""
        self._check()
        device = self.base.device
        if is_plain(self.model):
            new = tokens[:, None].to(device), position_ids[:, None].to(device), seen.to(device)
            first = torch.zeros(1, dtype=torch.long, device=device)
            logits = own_logits(self.model, *new, keep=first, cache=cache)[:, 0]
            return logits.float().max(-1).indices.cpu()
        on_device = (t.to(device)[:, None] for t in (tokens, position_ids, seen))
        hidden = run_layers(self.model, *on_device, cache=cache)[:, 0]
        return likeliest(self.head, hidden).cpu()

    def _check(self) -> None:
        if self.should_stop():
            raise Stopped
