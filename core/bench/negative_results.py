"""What was tried for speed and is not used, each with what was measured. Imports no torch."""

WHERE = (
    "Measured in November 2026 on an Intel Xeon with AMX (bf16 products up to seven times as fast as float32), "
    "2 cores, torch 2.13; a step is LoRA r=8 on 8 reviews. Most was measured once, so a small difference may be "
    "chance. Ratios with a 95 % interval are of eight or nine rounds on a quiet machine, with everything else "
    "on, and are from our own code before the part was taken out."
)
NEGATIVE_RESULTS: dict[str, str] = {
    "PyTorch’s fused attention on the tiles": (
        "Forward a little faster (0.27 ms a layer against 0.35 ms), but its gradient takes 4.7 ms where "
        "four plain products and the softmax’s gradient take 0.3 ms."
    ),
    "Weights packed for the 16-bit kernel while training": (
        "Products of 266 rows go from 0.46 to 0.33 ms, yet the whole step stayed within its noise, and a "
        "second copy of the weights costs 270 MB."
    ),
    "Weights packed for the 16-bit kernel while answers are written": (
        "Once 64 answers of up to 24 tokens took 2.0 s instead of 2.25 s; later, without the packs, 1.00 times as long "
        "(0.97 to 1.11), and on an AMD EPYC without AMX 1.03 times (1.00 to 1.05)."
    ),
    "A cache with room for the answers": (
        "A new token’s keys and values are written into room that was taken before, where transformers’ cache copies all "
        "for every token: without it 64 answers took 1.04 times as long (0.99 to 1.10), and on an AMD EPYC without AMX "
        "1.04 times (1.01 to 1.06)."
    ),
    "The answers of the last check, read as guesses": (
        "As the labels that are learned are: what follows the guess need not be computed token by token. On an AMD EPYC "
        "without AMX, two runs each, a run’s checks took 16.8 s instead of 17.7 s (LoRA), 16.7 s instead of 18.0 s (full "
        "fine-tuning at a low rate) and 7.5 s as before (the lesson of forgetting). Tokens that are "
        "read together round differently: scores moved by one or two answers of 48."
    ),
    "Weights packed as 1 × 1 convolutions": "No faster than plain products of 64 or 266 rows.",
    "Float32 weights packed": "Up to a fifth on a product of 8 rows, nothing sure from 64 on: not worth a second copy.",
    "SiLU in float32": (
        "0.30 ms against 0.18 ms for PyTorch’s own SiLU and product on 281 × 1,536 numbers."
    ),
    "Softmax in float32": (
        "Of 16-bit scores, in the tiles’ attention: without it LoRA took 0.99 times as long (0.96 to 1.06). "
        "PyTorch’s 16-bit softmax adds up in float32 anyway."
    ),
    "Softmax by hand": (
        "Maximum, exponential, sum and division take as long as PyTorch’s softmax (0.20 ms on ten tiles)."
    ),
    "Rotation as complex numbers": "0.23 ms against 0.10 ms: the halves must be interleaved first.",
    "Tiny numbers flushed to zero": "No difference was seen.",
    "Freed memory kept for the next step": (
        "Instead of giving it back to the system (glibc’s mallopt). No difference beyond the noise was seen in LoRA "
        "steps (0.36 s). Full fine-tuning once gained a quarter on another machine; here it took 1.05 times as long "
        "without it (1.02 to 1.07), less than the tenth that its code would have to gain."
    ),
    "Wide products in blocks": (
        "oneDNN leaves one of two cores idle in some products with a narrow result. Alone, the widest went from "
        "1.9 to 1.2 ms in blocks (490 rows, 3,072 to 576 numbers); most others lost up to half of their speed. A "
        "step gained nothing: without the blocks LoRA took 0.99 times as long (0.89 to 1.05), full fine-tuning "
        "1.01 times (0.96 to 1.07)."
    ),
    "Products of our own for the next token’s attention": (
        "No faster than PyTorch’s fused attention: 0.66 ms a layer for 64 answers against 0.61 ms."
    ),
    "A trained layer’s gradient by hand": (
        "Weights’ gradients in the order of the weights, where autograd’s are transposed; and the few rows of an "
        "output layer in float32, to save the cast of 28 million weights. Without the first, full fine-tuning "
        "took 1.00 times as long (0.94 to 1.05), without the second 0.99 times (0.94 to 1.09)."
    ),
    "Last layer only where predicted": (
        "The layer’s products at the nodes alone whose next token counts: without it LoRA took 1.01 times as long "
        "(0.94 to 1.05), full fine-tuning 0.99 times (0.94 to 1.05)."
    ),
    "Threads bound to cores, or waiting actively": "No difference was seen: 0.27 to 0.29 s a step at best, each way.",
    "Norms and gate compiled by torch.compile": (
        "0.272 s a step against 0.277 s, after 23 s of compiling, and the reader would need a C++ compiler."
    ),
    "Norms and gate in loops compiled by numba": (
        "240 tokens, all layers of a step, median of 150, on a machine that was not quiet: norms 10 ms against 50 "
        "ms, the gate 55 ms against 30 ms, whose exponential numba does not compute in vectors. On a quiet machine "
        "all norms take 27 ms of 277, so a step would gain less than a tenth, for 60 MB more to install and "
        "seconds of compiling."
    ),
    "16-bit copies of trained weights kept between steps": (
        "Not built. Full fine-tuning rounds its weights to 16 bits in each forward pass, which takes 217 ms where "
        "LoRA’s takes 152 ms: 65 ms of 725 at most, less than a tenth."
    ),
    "Narrow gradients updated in pieces of the cache’s size": (
        "To widen and update 2¹⁵ to 2²⁰ weights at a time: 212 to 112 ms for 106 million weights; matrix by "
        "matrix, as it is now, 117 ms."
    ),
    "16-bit products where the processor lacks AMX": (
        "Slower than float32 (160 against 289 · 10⁹ operations per second on another machine): a probe decides."
    ),
}
