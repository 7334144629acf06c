from peft import LoraConfig, get_peft_model

ADAPTER = LoraConfig()


def attach(model):
    """What ADAPTER describes beside the frozen model."""
    return get_peft_model(model, ADAPTER), []


def save(model, folder):
    model.save_pretrained(folder)
