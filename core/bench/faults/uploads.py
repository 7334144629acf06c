"""Good data files, damaged in a thousand ways, through the reading that pages and commands share."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from core.bench.faults.hostile import VALUES
from core.bench.faults.tries import Try, attempt
from core.data import uploads
from core.data.examples import CUSTOM_TEMPLATE, make_example
from core.data.intake import Mapping
from core.datafile import read

KIND = "uploads"
PAIRS = [
    {"prompt": f"{n} + {n} =", "completion": str(2 * n), "note": "é 東京 🎼"} for n in range(30)
]
CHATS = [
    {"messages": [{"role": "user", "content": p["prompt"]}, {"role": "assistant", "content": "4"}]}
    for p in PAIRS
]
SHAREGPT = [
    {"conversations": [{"from": "human", "value": p["prompt"]}, {"from": "gpt", "value": "4"}]}
    for p in PAIRS
]
CSV = "prompt,completion\n" + "".join(f'"{p["prompt"]}",{p["completion"]}\n' for p in PAIRS)


def jsonl(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


GOOD: dict[str, bytes] = {
    "pairs.jsonl": jsonl([dict(p) for p in PAIRS]).encode(),
    "pairs.json": json.dumps(PAIRS).encode(),
    "chats.jsonl": jsonl([dict(c) for c in CHATS]).encode(),
    "sharegpt.json": json.dumps(SHAREGPT, indent=1).encode(),
    "sharegpt.jsonl": jsonl([dict(c) for c in SHAREGPT]).encode(),
    "cp1252.csv": CSV.replace("=", "für").encode("cp1252"),
    "pairs.csv": CSV.encode(),
    "pairs.tsv": CSV.replace(",", "\t").encode(),
    "labels.csv": ("text,label\n" + "nice day,good\nbad day,bad\n" * 10).encode(),
    "bom.csv": b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode(),
    "utf16.csv": CSV.encode("utf-16"),
}


def flip(content: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 3, 30))):
        content[random.randrange(len(content))] = random.randrange(256)


def cut(content: bytearray, random: Random) -> None:
    del content[random.randrange(len(content)) :]


def drop(content: bytearray, random: Random) -> None:
    start = random.randrange(len(content))
    del content[start : start + random.choice((1, 5, 50))]


def insert(content: bytearray, random: Random) -> None:
    at = random.randrange(len(content) + 1)
    content[at:at] = random.choice(VALUES).encode("utf-8", "surrogatepass")


def escape(content: bytearray, random: Random) -> None:
    """What JSON can spell and no text may hold, in place of a value."""
    bad = random.choice((r'"\ud800"', r'"\u0000"', "NaN", "Infinity", "9" * 5000, "[" * 3000, "{}"))
    content[:] = content.replace(b'"2"', bad.encode(), 1).replace(b",2\n", f",{bad}\n".encode(), 1)


def repeat(content: bytearray, random: Random) -> None:
    content *= random.choice((2, 20, 700))


def swap_lines(content: bytearray, random: Random) -> None:
    lines = content.split(b"\n")
    random.shuffle(lines)
    content[:] = random.choice((b"\n", b"\r", b"\n\n", b"")).join(lines)


MUTATIONS: tuple[Callable[[bytearray, Random], None], ...] = (
    *(flip, cut, drop, insert, insert, escape, repeat, swap_lines),
)


@contextmanager
def trying(place: Path) -> Generator[Callable[[int, Random], Try]]:
    del place
    yield one


def one(number: int, random: Random) -> Try:
    """A good file, damaged once to three times, read, kept, and made into prompts."""
    name = random.choice(tuple(GOOD))
    content, done = bytearray(GOOD[name]), list[str]()
    for mutation in random.choices(MUTATIONS, k=random.choice((1, 1, 2, 3))):
        if content:
            mutation(content, random)
            done.append(mutation.__name__)
    mapping = Mapping(prompt=("prompt",), completion="note") if random.random() < 0.2 else None
    skip = random.random() < 0.5

    def intake() -> str:
        data = read(bytes(content), name=name, mapping=mapping, skip_bad_lines=skip)
        address = uploads.keep(data.records, uploads.Source(name=data.name, lines=data.lines))
        for record in uploads.load(address):
            make_example(record, CUSTOM_TEMPLATE)
        return " ".join(data.warnings)

    ended = attempt(intake, [content.decode("utf-8", "replace")])
    return Try(kind=KIND, number=number, what=f"{name}: {', '.join(done)}", **vars(ended))
