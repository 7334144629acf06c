from peft import PromptTuningConfig, get_peft_model

ADAPTER = PromptTuningConfig()
START, TEXT = "vocabulary", ""


def attach(model):
    """Virtual tokens before every text; they begin as drawn words, as the words of TEXT, or at random."""
    vocabulary = model.get_input_embeddings().weight.detach().float()
    model = get_peft_model(model, ADAPTER)
    virtual = model.prompt_encoder["default"].embedding.weight
    with torch.no_grad():
        if START == "text":
            ids = AutoTokenizer.from_pretrained(HERE)(TEXT, add_special_tokens=False)["input_ids"]
            virtual.copy_(vocabulary[[ids[i % len(ids)] for i in range(len(virtual))]])
        if START == "random":
            noise = torch.randn(virtual.shape)
            virtual.copy_(noise / noise.norm(dim=1, keepdim=True) * vocabulary.norm(dim=1).mean())
    return model, []


def save(model, folder):
    model.save_pretrained(folder)
