#!/usr/bin/env python3
"""Makes the generated samples beside it, the same bytes every time, and prints what a reader should know of them.

    workloads/generate.py           writes chat, agents, rag, oneshot, small_gpu and laptop_chat.jsonl
    workloads/generate.py --check   writes nothing; fails if a file differs
"""
import json
import math
import pathlib
import random
import sys

BLOCK = 512
# As LMCache and vLLM cut finer: values of 3.5 MiB for Qwen2.5-7B, which a Redis takes at its usual speed.
SMALL_BLOCK = 64
# What an H100 has room for beside Llama-3.1-8B at bf16: about 50 GiB at 128 KiB a token.
HBM_TOKENS = 390_000
# What 1 GiB holds of Qwen2.5-7B's KV, 56 KiB a token, in whole blocks.
SMALL_HBM_TOKENS = 18_688
# As vLLM cuts: prompts that a laptop computes in a second have some dozens of blocks.
LAPTOP_BLOCK = 16
HERE = pathlib.Path(__file__).parent


class Dice:
    """Draws from Random.random() only, whose sequence Python promises to keep."""

    def __init__(self, seed):
        self.random = random.Random(seed).random

    def between(self, low, high):
        return low + int(self.random() * (high - low + 1))

    def exponential(self, mean):
        return -mean * math.log(1.0 - self.random())

    def zipf(self, count):
        """Rank 0 .. count - 1, with probability falling as 1 / (rank + 1)."""
        return min(count - 1, int(math.exp(self.random() * math.log(count + 1)) - 1))


class Trace:
    """Prompts as lists of (text, tokens): equal leading texts share blocks, however they are cut into blocks."""

    def __init__(self, block=BLOCK):
        self.block = block
        self.requests = []

    def add(self, at_s, segments, output):
        self.requests.append((round(at_s * 1000), segments, output))

    def lines(self):
        ids = {}
        for at, segments, output in sorted(self.requests, key=lambda r: r[0]):
            names, tokens = self.blocks(segments)
            hash_ids = [ids.setdefault(name, len(ids)) for name in names]
            yield {"timestamp": at, "input_length": tokens, "output_length": output, "hash_ids": hash_ids}

    def blocks(self, segments):
        """A block is named by everything up to its end: whole segments, and how much of the last one."""
        names, position = [], 0
        for index, (_, tokens) in enumerate(segments):
            before = tuple(text for text, _ in segments[: index + 1])
            for end in range((position // self.block + 1) * self.block, position + tokens + 1, self.block):
                names.append((before, end - position))
            position += tokens
        if position % self.block:
            names.append((tuple(text for text, _ in segments), "partial"))
        return names, position


def conversation(trace, dice, name, system, start_s, turns, message, output, pause):
    """Every turn sends the whole history again: system prompt, messages and answers."""
    history, at = [system], start_s
    for turn in range(turns):
        history.append((f"{name} message {turn}", message()))
        answer = output()
        trace.add(at, list(history), answer)
        history.append((f"{name} answer {turn}", answer))
        at += pause()


def chat(dice):
    trace = Trace()
    for user in range(100):
        conversation(trace, dice, f"user {user}", ("system prompt", 1400), dice.random() * 2400, 4,
                     message=lambda: dice.between(2000, 6000), output=lambda: dice.between(100, 700),
                     pause=lambda: 900 + dice.exponential(600))
    return trace


def small_gpu(dice):
    trace = Trace(SMALL_BLOCK)
    for user in range(14):
        first = [dice.between(1100, 1500)]
        conversation(trace, dice, f"user {user}", ("system prompt", 1100), dice.random() * 60, 6,
                     message=lambda: first.pop() if first else dice.between(80, 200),
                     output=lambda: dice.between(100, 250), pause=lambda: 60 + dice.exponential(20))
    return trace


def laptop_chat(dice):
    trace = Trace(LAPTOP_BLOCK)
    for user in range(6):
        conversation(trace, dice, f"user {user}", ("system prompt", 112), dice.random() * 60, 5,
                     message=lambda: dice.between(16, 80), output=lambda: dice.between(16, 64),
                     pause=lambda: 60 + dice.exponential(20))
    return trace


def agents(dice):
    trace = Trace()
    for agent in range(8):
        conversation(trace, dice, f"agent {agent}", ("tools and instructions", 9000), agent * 150, 32,
                     message=lambda: dice.between(100, 900), output=lambda: dice.between(40, 200),
                     pause=lambda: 2 + dice.exponential(4))
    return trace


def rag(dice):
    trace, at = Trace(), 0.0
    length = [dice.between(6000, 14000) for _ in range(200)]
    for question in range(400):
        at += dice.exponential(6)
        document = dice.zipf(len(length))
        trace.add(at, [("instructions", 800), (f"document {document}", length[document]),
                       (f"question {question}", dice.between(30, 300))], dice.between(50, 400))
    return trace


def oneshot(dice):
    trace, at = Trace(), 0.0
    for item in range(300):
        at += dice.exponential(3)
        trace.add(at, [(f"item {item}", dice.between(500, 6000))], dice.between(20, 200))
    return trace


def hit_tokens(requests, capacity_blocks, block_size):
    """Prefix hits of an LRU cache of that many blocks; a request's blocks are touched tail to head."""
    cache, hits = {}, 0
    for request in requests:
        blocks = request["hash_ids"]
        hit = next((i for i, block in enumerate(blocks) if block not in cache), len(blocks))
        hits += min(hit * block_size, request["input_length"])
        for block in reversed(blocks):
            cache.pop(block, None)
            cache[block] = True
        while len(cache) > capacity_blocks:
            cache.pop(next(iter(cache)))
    return hits


def describe(name, requests, hbm_tokens, block_size):
    tokens = sum(r["input_length"] for r in requests)
    refs = [block for r in requests for block in r["hash_ids"]]
    unique = len(set(refs))
    ideal = hit_tokens(requests, unique, block_size) / tokens
    in_hbm = hit_tokens(requests, hbm_tokens // block_size, block_size) / tokens
    print(f"{name:14} {len(requests):4} requests over {requests[-1]['timestamp'] / 60000:4.0f} min, "
          f"{tokens / 1e6:5.2f} M tokens, {unique * block_size / 1e6:5.2f} M of them unique, "
          f"token hits: ideal {ideal:6.1%}, in HBM alone {in_hbm:6.1%}")


def main():
    check, same = "--check" in sys.argv[1:], True
    for seed, make in enumerate((chat, agents, rag, oneshot, small_gpu, laptop_chat), start=1):
        path = HERE / f"{make.__name__}.jsonl"
        requests = list(make(Dice(seed)).lines())
        text = "".join(json.dumps(request) + "\n" for request in requests)
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path} differs from what this script makes", file=sys.stderr)
            same = False
        block = {small_gpu: SMALL_BLOCK, laptop_chat: LAPTOP_BLOCK}.get(make, BLOCK)
        describe(path.name, requests, SMALL_HBM_TOKENS if make is small_gpu else HBM_TOKENS, block)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
