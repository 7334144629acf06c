from peft import AdaLoraConfig, get_peft_model

ADAPTER = AdaLoraConfig()


class TakeRanks(TrainerCallback):
    """Takes away the ranks that matter least, while the gradients are still there."""

    def __init__(self, model):
        self.model = model

    def on_optimizer_step(self, args, state, control, **kwargs):
        self.model.base_model.update_and_allocate(state.global_step + 1)


def attach(model):
    """AdaLoRA's P, Λ and Q beside the frozen model."""
    model = get_peft_model(model, ADAPTER)
    for name, parameter in model.named_parameters():
        if ".ranknum." in name:  # a constant
            parameter.requires_grad_(False)
    return model, [TakeRanks(model)] if STEPS > 1 else []


def save(model, folder):
    model.save_pretrained(folder)
