from peft import PrefixTuningConfig, get_peft_model
from transformers import DynamicCache

ADAPTER = PrefixTuningConfig()


def attach(model):
    """Keys and values before every text; they begin as those of drawn words, as random ones learn slowly."""
    tuned, n = get_peft_model(model, ADAPTER), ADAPTER.num_virtual_tokens
    drawn = torch.randint(model.config.vocab_size, (1, n))
    cache = DynamicCache()
    with torch.no_grad():
        model.base_model(input_ids=drawn, cache=cache, use_cache=True)
    both = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
    start = [tensor[0].transpose(0, 1).reshape(n, -1).float() for tensor in both]
    tuned.prompt_encoder["default"].load_prompt_embeddings(torch.cat(start, dim=1))
    return tuned, []


def save(model, folder):
    model.save_pretrained(folder)
